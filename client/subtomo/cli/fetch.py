"""``subtomo fetch``: results to a folder."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from subtomo.cli.find import find_job
from subtomo.cli.output import connect, plainly, print_json, screen
from subtomo.client import Client
from subtomo.errors import InvalidInput
from subtomo.exports import TABLES
from subtomo.records import Job


class Program(StrEnum):
    """Whose formats."""

    RELION = "relion"
    DYNAMO = "dynamo"
    STOPGAP = "stopgap"


class Wanted(NamedTuple):
    """What is to be fetched of an iteration, and in which form."""

    iteration: str
    everything: bool
    program: Program
    recentred: bool
    posteriors: bool
    placed: bool
    map_back: str | None
    size: str | None
    voxel_size: float | None
    pixel_size: float | None


@plainly
def fetch(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A job's id or name, or 'last'.")],
    *,
    iteration: Annotated[str, typer.Option(help="An iteration's number, or 'last'.")] = "last",
    to: Annotated[
        Path | None, typer.Option(help="Folder to write to; named after the job by default.")
    ] = None,
    program: Annotated[
        Program, typer.Option("--as", help="Table of poses, and averages, for which program.")
    ] = Program.RELION,
    recentred: Annotated[
        bool,
        typer.Option(
            "--recentred", help="Coordinates of the particles themselves (Dynamo, STOPGAP)."
        ),
    ] = False,
    posteriors: Annotated[
        bool, typer.Option("--posteriors", help="Posteriors of classes and poses (NPZ) as well.")
    ] = False,
    placed: Annotated[
        bool,
        typer.Option("--placed", help="Copies placed in ChimeraX and ArtiaX (ZIP) as well."),
    ] = False,
    map_back: Annotated[
        str | None,
        typer.Option(help="A tomogram's name: its volume with the averages in it as well."),
    ] = None,
    size: Annotated[str | None, typer.Option(help="Of that tomogram, in voxels: X,Y,Z.")] = None,
    map_back_voxel_size: Annotated[
        float | None, typer.Option(help="Of that tomogram in Å; the particles' by default.")
    ] = None,
    coordinate_pixel_size: Annotated[
        float | None,
        typer.Option(help="Å in one step of the table's coordinates, where it does not tell."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Half maps, FSC curves and pictures as well.")
    ] = False,
    archive: Annotated[
        bool, typer.Option("--archive", help="One ZIP with everything instead.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the files' names as JSON.")
    ] = False,
) -> None:
    """Download the averages (MRC) and the poses (STAR) of a job, and its matrix of all pairs."""
    wanted = Wanted(
        iteration,
        everything,
        program,
        recentred,
        posteriors,
        placed,
        map_back,
        size,
        map_back_voxel_size,
        coordinate_pixel_size,
    )
    _check(wanted)
    with connect(context) as client:
        record = find_job(client, job)
        folder = to or Path(_folder_name(record))
        folder.mkdir(parents=True, exist_ok=True)
        if archive:
            files = [client.download_archive(record, folder / f"{record.id}.zip")]
        else:
            files = _download(client, record, wanted, folder)
    if as_json:
        print_json([str(file) for file in files])
        return
    for file in files:
        screen().print(str(file), markup=False, soft_wrap=True)


def _check(wanted: Wanted) -> None:
    if wanted.recentred and wanted.program is Program.RELION:
        raise InvalidInput(
            "--recentred is for tables of Dynamo and STOPGAP (--as dynamo, --as stopgap): RELION "
            "moves coordinates itself when it extracts again."
        )
    sides = (wanted.size or "").split(",")
    whole = len(sides) == 3 and all(side.strip().isdecimal() for side in sides)
    if wanted.map_back and not whole:
        raise InvalidInput("--map-back needs the tomogram's sides in voxels: --size X,Y,Z.")
    if wanted.size and not wanted.map_back:
        raise InvalidInput("--size tells of the tomogram that --map-back names: give both.")


def _download(client: Client, job: Job, wanted: Wanted, folder: Path) -> list[Path]:
    # One number for all files: 'last' may move while they come.
    number = client.iteration(job, wanted.iteration).number
    everything = wanted.everything
    files = []
    for cls in range(1, job.classes + 1):
        stem = f"class_{cls}"
        if wanted.program is Program.DYNAMO:
            files.append(client.download_em(job, folder / f"{stem}.em", cls=cls, iteration=number))
        else:
            target = folder / f"{stem}.mrc"
            files.append(client.download_map(job, target, cls=cls, iteration=number))
        if everything:
            for half in (1, 2):
                target = folder / f"{stem}_half_{half}.mrc"
                files.append(
                    client.download_half_map(job, target, half=half, cls=cls, iteration=number)
                )
            files += [
                client.download_fsc(job, folder / f"{stem}_fsc.star", cls=cls, iteration=number),
                client.download_slices(
                    job, folder / f"{stem}_slices.png", cls=cls, iteration=number
                ),
            ]
    files += _tables(client, job, wanted, folder, number)
    if job.compares_pairs:
        files += [
            client.download_dissimilarity(
                job, folder / f"dissimilarity.{kind}", iteration=number, kind=kind
            )
            for kind in (("npy", "png", "mrc") if everything else ("npy", "png"))
        ]
    return files


def _tables(client: Client, job: Job, wanted: Wanted, folder: Path, number: int) -> list[Path]:
    """Fetch the poses in the form which is wanted, and what was asked for beside them."""
    name, pixel = TABLES[wanted.program], wanted.pixel_size
    files = [
        client.download_particles(
            job,
            folder / name,
            program=wanted.program,
            iteration=number,
            recentred=wanted.recentred,
            coordinate_pixel_size=None if wanted.program is Program.RELION else pixel,
        )
    ]
    if wanted.program is not Program.RELION:
        target = folder / "tomograms.doc"
        files.append(client.download_tomogram_numbers(job, target, iteration=number))
    if wanted.posteriors:
        target = folder / "posteriors.npz"
        files.append(client.download_posteriors(job, target, iteration=number))
    if wanted.placed:
        target = folder / "placed.zip"
        files.append(
            client.download_placed(job, target, iteration=number, coordinate_pixel_size=pixel)
        )
    if wanted.map_back and wanted.size:
        target = folder / f"{_plain(wanted.map_back) or 'tomogram'}_map_back.mrc"
        files.append(
            client.download_map_back(
                job,
                target,
                tomogram=wanted.map_back,
                size=[int(side) for side in wanted.size.split(",")],
                voxel_size=wanted.voxel_size,
                iteration=number,
                coordinate_pixel_size=pixel,
            )
        )
    return files


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("._")


def _folder_name(job: Job) -> str:
    return _plain(job.name) or job.id
