"""The ``subtomo score`` command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from subtomo.cli.missing import (
    Cone,
    FromTable,
    FromWeights,
    Missing,
    NothingMissing,
    SecondTilt,
    Tilt,
    TiltAxis,
    TiltTable,
)
from subtomo_server.plain_errors import plain_errors


def score(
    *,
    maps: Annotated[
        list[Path] | None, typer.Argument(help="Averages: MRC or EM files.", metavar="[MAP]...")
    ] = None,
    truth: Annotated[
        list[Path] | None, typer.Option(help="Maps to compare them with, once for each.")
    ] = None,
    poses: Annotated[Path | None, typer.Option(help="STAR file of poses to judge.")] = None,
    true_poses: Annotated[
        Path | None, typer.Option(help="STAR file to compare them with: the truth, or another's.")
    ] = None,
    symmetry: Annotated[
        list[str] | None,
        typer.Option(help="Point group, modulo which poses agree. Once, or once for each class."),
    ] = None,
    particles: Annotated[
        Path | None,
        typer.Option(
            help="The particles, as 'subtomo push' takes them: tells their SNR and, with --truth "
            "and --true-poses, how good an average of them can be. A --truth for each true class, "
            "in the order of their numbers."
        ),
    ] = None,
    tilt: Tilt = None,
    tilt_axis: TiltAxis = None,
    second_tilt: SecondTilt = None,
    tilt_table: TiltTable = None,
    cone: Cone = None,
    missing_from_weights: FromWeights = False,
    missing_from_table: FromTable = False,
    nothing_missing: NothingMissing = False,
    dark: Annotated[bool, typer.Option(help="Protein is dark in the particles.")] = False,
    imposed: Annotated[
        bool, typer.Option("--imposed", help="Jobs imposed --symmetry: so does the ceiling.")
    ] = False,
    pairs: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of particles of a class, for its SNR; 0 leaves it out. [default: 100]"
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(min=1, help="In each tilt series: tells the SNR of images from sums."),
    ] = None,
    symmetry_of_maps: Annotated[
        bool,
        typer.Option("--rotational-symmetry", help="Tell the maps' n-fold symmetry about --axis."),
    ] = False,
    axis: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Through the centre of the box, x y z. [default: 0 0 1]"),
    ] = None,
    highest_order: Annotated[
        int | None, typer.Option(min=2, help="Of rotational symmetry. [default: 24]")
    ] = None,
    voxel_size: Annotated[
        float | None, typer.Option(min=0.0, help="Å per voxel, where the files do not tell.")
    ] = None,
    mirror: Annotated[bool, typer.Option(help="Try the mirror images of the maps too.")] = True,
    page: Annotated[
        Path | None, typer.Option(help="Write a page of plots here (HTML).", metavar="FILE")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all as JSON.")] = False,
) -> None:
    """Compare averages with maps, and poses and classes with others, wherever they come from.

    Each map is brought onto the one it stands for: correlation, resolution, mirror image or not.
    Poses are compared up to the motion which an average leaves free, and the point group. With
    the particles it also tells their SNR, and what averages of them can reach.
    """
    from subtomo_server.scoring.inputs import Files  # noqa: PLC0415 - keeps the command line quick
    from subtomo_server.scoring.page import write_page  # noqa: PLC0415
    from subtomo_server.scoring.score import Particles, scored  # noqa: PLC0415
    from subtomo_server.scoring.seen import Requested  # noqa: PLC0415
    from subtomo_server.scoring.turned import Turning  # noqa: PLC0415

    missing = Missing(
        tilt,
        cone,
        missing_from_weights,
        nothing_missing,
        tilt_axis,
        second_tilt,
        tilt_table,
        missing_from_table,
    )
    with plain_errors():
        report = scored(
            Files(maps or (), truth or (), poses, true_poses),
            Particles(particles, missing, dark, Requested(pairs, images, imposed)),
            Turning.asked(symmetry_of_maps, axis, highest_order),
            symmetries=symmetry or (),
            voxel_size=voxel_size,
            try_mirror=mirror,
        )
        if page is not None:
            write_page(page, report)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in report.lines():
            typer.echo(line)
