"""``subtomo fetch``: results to a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from subtomo.cli.find import find_job
from subtomo.cli.output import connect, plainly, print_json, screen
from subtomo.client import Client
from subtomo.records import Job


@plainly
def fetch(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A job's id or name, or 'last'.")],
    *,
    iteration: Annotated[str, typer.Option(help="An iteration's number, or 'last'.")] = "last",
    to: Annotated[
        Path | None, typer.Option(help="Folder to write to; named after the job by default.")
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
    with connect(context) as client:
        record = find_job(client, job)
        folder = to or Path(_folder_name(record))
        folder.mkdir(parents=True, exist_ok=True)
        if archive:
            files = [client.download_archive(record, folder / f"{record.id}.zip")]
        else:
            files = _download(client, record, iteration, folder, everything)
    if as_json:
        print_json([str(file) for file in files])
        return
    for file in files:
        screen().print(str(file), markup=False, soft_wrap=True)


def _download(
    client: Client, job: Job, iteration: str, folder: Path, everything: bool
) -> list[Path]:
    # One number for all files: 'last' may move while they come.
    number = client.iteration(job, iteration).number
    files = []
    for cls in range(1, job.classes + 1):
        stem = f"class_{cls}"
        files.append(client.download_map(job, folder / f"{stem}.mrc", cls=cls, iteration=number))
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
    files.append(client.download_star(job, folder / "particles.star", iteration=number))
    if job.compares_pairs:
        files += [
            client.download_dissimilarity(
                job, folder / f"dissimilarity.{kind}", iteration=number, kind=kind
            )
            for kind in (("npy", "png", "mrc") if everything else ("npy", "png"))
        ]
    return files


def _folder_name(job: Job) -> str:
    return re.sub(r"[^\w.-]+", "_", job.name).strip("._") or job.id
