"""``subtomo sharpen`` and ``subtomo mask``: what is made of an average."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from subtomo.cli.again import WhichJob
from subtomo.cli.find import find_job
from subtomo.cli.output import connect, plainly, print_json, screen
from subtomo.postprocessing import Guinier

Cls = Annotated[int, typer.Option("--class", min=1, help="Whose average; counted from 1.")]
Which = Annotated[int | None, typer.Option(min=0, help="Of the job; the last by default.")]


@plainly
def sharpen(
    context: typer.Context,
    job: WhichJob,
    *,
    cls: Cls = 1,
    b_factor: Annotated[
        float | None,
        typer.Option(help="In Å², negative to sharpen; that of the Guinier plot by default."),
    ] = None,
    iteration: Which = None,
    to: Annotated[
        Path, typer.Option(help="File to write, or an existing folder; this one by default.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Download an average weighted by the FSC of its halves, and sharpened (MRC)."""
    with connect(context) as client:
        record = find_job(client, job)
        number = client.iteration(record, "last" if iteration is None else iteration).number
        plot = client.guinier(record, cls=cls, iteration=number)
        used = (plot.b_factor or 0.0) if b_factor is None else b_factor
        file = client.download_sharpened(record, to, b_factor=used, cls=cls, iteration=number)
    if as_json:
        print_json({"file": str(file), "b_factor": used, "guinier": plot})
        return
    screen().print(_told(plot), markup=False)
    if used:
        screen().print(f"sharpened by a B-factor of {used:.0f} Å²", markup=False)
    else:
        screen().print(
            "weighted by the FSC, not sharpened; --b-factor -200 would sharpen by -200 Å²",
            markup=False,
        )
    screen().print(str(file), markup=False, soft_wrap=True)


def _told(plot: Guinier) -> str:
    seen = f"resolution {plot.resolution_angstrom:.1f} Å (FSC 0.143)"
    if plot.b_factor is None:
        return f"{seen}; too few shells lie between 10 Å and it to fit a B-factor"
    return f"{seen}, B-factor of the Guinier plot {plot.b_factor:.0f} Å²"


@plainly
def mask(
    context: typer.Context,
    job: WhichJob,
    *,
    level: Annotated[
        float,
        typer.Option(help="Sigma above the mean, as the job's page shows it: 1 above, 0 below."),
    ],
    name: Annotated[str, typer.Option(help="Of the mask.")],
    cls: Cls = 1,
    extend: Annotated[float, typer.Option(min=0.0, help="Extend it by so many Å.")] = 0.0,
    edge: Annotated[float, typer.Option(min=0.0, help="Width of its soft edge, in Å.")] = 20.0,
    iteration: Which = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the mask as JSON.")] = False,
) -> None:
    """Draw a mask from an average, at a level, and keep it among your maps.

    It lies in the frame of that job's averages. Go on with 'subtomo continue ... --mask', or with
    'subtomo run ... --poses JOB --mask'.
    """
    with connect(context) as client:
        record = find_job(client, job)
        made = client.make_mask(
            record,
            name,
            level=level,
            extend=extend,
            edge=edge,
            cls=cls,
            iteration="last" if iteration is None else iteration,
        )
    if as_json:
        print_json(made)
        return
    screen().print(
        f"{made.id}  {made.name}: box {made.box}, {made.voxel_size_angstrom:g} Å per voxel\n"
        f"Use it with: subtomo continue {record.id} --mask {made.id}",
        markup=False,
    )
