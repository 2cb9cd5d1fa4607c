"""``subtomo select``: a dataset of some of a job's particles."""

from __future__ import annotations

from typing import Annotated

import typer

from subtomo.cli.again import AsJson, WhichJob
from subtomo.cli.find import find_job
from subtomo.cli.output import connect, plainly, print_json, screen


@plainly
def select(
    context: typer.Context,
    job: WhichJob,
    *,
    name: Annotated[str, typer.Option(help="Of the new dataset.")],
    classes: Annotated[
        list[int] | None, typer.Option("--class", help="A class, from 1. Once for each.")
    ] = None,
    min_probability: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Least posterior of the best class.")
    ] = 0.0,
    min_score: Annotated[float | None, typer.Option(help="Least score.")] = None,
    junk: Annotated[
        bool, typer.Option("--junk/--no-junk", help="Keep particles that show no class, too.")
    ] = False,
    binning: Annotated[
        int | None,
        typer.Option(min=1, help="Bin the particles by this number, in Fourier space."),
    ] = None,
    box: Annotated[
        int | None, typer.Option(min=8, help="Or bin them to a box of so many voxels, even.")
    ] = None,
    iteration: Annotated[
        int | None, typer.Option(help="Of the job; the last by default.", min=0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a dataset of some of a job's particles, with their poses as their own.

    Go on with 'subtomo run ... --poses own'. A job on the finer particles can start from the
    poses of one on binned particles: 'subtomo run ... --poses JOB'.
    """
    with connect(context) as client:
        made = client.select(
            find_job(client, job),
            name,
            classes=classes,
            min_probability=min_probability,
            min_score=min_score,
            junk=junk,
            binning=binning,
            box=box,
            iteration="last" if iteration is None else iteration,
        )
        if as_json:
            print_json(made)
        else:
            size = f"{made.box} voxels of {made.voxel_size_angstrom:g} Å"
            told = f"{made.id}  {made.name}: {made.particles} particles, {size}"
            screen().print(told, markup=False)
