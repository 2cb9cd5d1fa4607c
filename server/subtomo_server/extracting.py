"""Subtomograms out of tomograms: the ``subtomo extract`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from subtomo_server.plain_errors import plain_errors


def extract(
    picks: Annotated[
        list[Path],
        typer.Argument(
            help="Lists of picks: STAR (RELION, Warp, pytom-match-pick, STOPGAP), Dynamo table, "
            "AV3 or PyTom list, copick JSON, CryoET Data Portal ndjson, or text (x y z; CSV)."
        ),
    ],
    *,
    tomograms: Annotated[
        list[str],
        typer.Option(
            metavar="WHERE",
            help="A folder or file of tomograms (MRC, EM), NAME=FILE, Dynamo's .doc, or RELION's "
            "tomograms.star. May be given several times.",
        ),
    ],
    to: Annotated[Path, typer.Option(help="Folder for the particles; made anew.")],
    box: Annotated[
        int, typer.Option(min=8, max=512, help="Side of the boxes, voxels after binning.")
    ],
    binning: Annotated[
        int, typer.Option("--bin", min=1, max=64, help="Voxels of the tomogram in one of the box.")
    ] = 1,
    voxel_size: Annotated[
        float | None, typer.Option(min=0.01, help="Of the tomograms, Å; their headers' by default.")
    ] = None,
    coordinate_pixel_size: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Of places in pixels, Å; by default what the list says, or the tomograms' voxels.",
        ),
    ] = None,
    fill_edges: Annotated[
        bool,
        typer.Option(
            "--fill-edges",
            help="Keep boxes that lie at least by half in the tomogram, filled with the mean.",
        ),
    ] = False,
) -> None:
    """Cut subtomograms out of tomograms, at the places that a picking program found.

    Writes a stack and its particles.star, for subtomo push.
    """
    from subtomo_core.errors import InputError, Problem  # noqa: PLC0415 - keeps the command quick
    from subtomo_store.extraction.boxes import BoxSize  # noqa: PLC0415
    from subtomo_store.extraction.extract import TABLE, Extraction  # noqa: PLC0415
    from subtomo_store.extraction.extract import extract as cut_out  # noqa: PLC0415
    from subtomo_store.extraction.tomograms import Tomograms  # noqa: PLC0415

    with plain_errors():
        if box % 2:
            raise InputError(Problem(f"--box {box} is odd: boxes have an even number of voxels"))
        size = BoxSize(box, binning)
        how = Extraction(size, voxel_size, coordinate_pixel_size, fill_edges)
        with typer.progressbar(length=1, label="Cutting", show_pos=True) as bar:

            def progress(done: int, count: int) -> None:
                bar.length = count
                bar.update(done - bar.pos)

            made = cut_out(picks, Tomograms.of(tomograms), to, how, progress)
        for remark in made.remarks:
            typer.echo(f"Remark: {remark}")
        typer.echo(
            f"{made.particles} subtomograms of {box} voxels of {made.voxel_size:g} Å, with the "
            "densities of the tomograms."
        )
        typer.echo(f"    subtomo push {to / TABLE} --tilt -60 60    (your tilt range)")
        typer.echo("Say --dark to push if protein is dark in the tomograms.")
