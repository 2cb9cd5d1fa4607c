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
    iteration: Annotated[
        int | None, typer.Option(help="Of the job; the last by default.", min=0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a dataset of some of a job's particles, with their poses as their own.

    Go on with 'subtomo run ... --poses own'.
    """
    with connect(context) as client:
        made = client.select(
            find_job(client, job),
            name,
            classes=classes,
            min_probability=min_probability,
            min_score=min_score,
            junk=junk,
            iteration="last" if iteration is None else iteration,
        )
        if as_json:
            print_json(made)
        else:
            screen().print(f"{made.id}  {made.name}: {made.particles} particles", markup=False)
