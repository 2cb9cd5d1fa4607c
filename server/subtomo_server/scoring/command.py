"""The ``subtomo score`` command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

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
    Poses are compared up to the motion which an average leaves free, and the point group.
    """
    from subtomo_server.scoring.inputs import Inputs  # noqa: PLC0415
    from subtomo_server.scoring.page import write_page  # noqa: PLC0415
    from subtomo_server.scoring.report import Report  # noqa: PLC0415

    with plain_errors():
        given = Inputs.read(
            maps or [],
            truth or [],
            poses,
            true_poses,
            symmetries=symmetry or [],
            voxel_size=voxel_size,
        )
        report = Report.of(given, try_mirror=mirror)
        if page is not None:
            write_page(page, report)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in report.lines():
            typer.echo(line)
