"""``subtomo align``: one particle to one reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from subtomo.cli.output import connect, plainly, print_json, screen
from subtomo.cli.settings import assigned
from subtomo.fields import Algorithm


@plainly
def align(
    context: typer.Context,
    particle: Annotated[Path, typer.Argument(help="The particle, an MRC or EM volume.")],
    reference: Annotated[Path, typer.Argument(help="The reference, a volume of its size.")],
    *,
    tilt: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Lowest and highest tilt angle in degrees; complete without it."),
    ] = None,
    algorithm: Annotated[Algorithm, typer.Option(help="What finds the pose.")] = "gradient",
    resolution: Annotated[
        float | None, typer.Option(help="Compare to this resolution, in Å; 2.5 voxels by default.")
    ] = None,
    voxel_size: Annotated[
        float | None,
        typer.Option(help="Ångström per voxel, where neither file says it; EM files never do."),
    ] = None,
    dark: Annotated[bool, typer.Option(help="Protein is dark in the particle.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the algorithm, such as score=fcs."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the pose as JSON.")] = False,
) -> None:
    """Find the pose of one particle against a reference, and print it."""
    with connect(context) as client:
        found = client.align(
            particle,
            reference,
            tilt=tilt,
            algorithm=algorithm,
            resolution=resolution,
            voxel_size=voxel_size,
            dark=dark,
            **assigned(settings),
        )
    if as_json:
        print_json(found)
        return
    x, y, z = found.origin_angstrom
    screen().print(
        f"rot {found.rot:.2f}  tilt {found.tilt:.2f}  psi {found.psi:.2f} degrees, "
        f"origin {x:.2f} {y:.2f} {z:.2f} Å, correlation {found.correlation:.3f}",
        markup=False,
    )
