"""``subtomo compare``: two results in one frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from subtomo.cli.again import WhichJob
from subtomo.cli.find import find_job
from subtomo.cli.output import connect, plainly, print_json, screen
from subtomo.client import Client
from subtomo.comparing import Changes, Comparison
from subtomo.records import Job


@plainly
def compare(
    context: typer.Context,
    job: WhichJob,
    other: Annotated[
        str, typer.Argument(help="The job to compare with it, or the same one: id, name or 'last'.")
    ],
    *,
    cls: Annotated[int, typer.Option("--class", min=1, help="Class of the first job.")] = 1,
    with_cls: Annotated[
        int, typer.Option("--with-class", min=1, help="Class of the other job.")
    ] = 1,
    iteration: Annotated[
        int | None, typer.Option(min=0, help="Of the first job; the last by default.")
    ] = None,
    with_iteration: Annotated[
        int | None, typer.Option(min=0, help="Of the other job; the last by default.")
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Try the other map's mirror image, too.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(help="Write the other map, where it lies on the first, to this file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Move another job's average onto one of this job, and count particles that changed class.

    Both maps have one box and voxel size; 'subtomo score' compares others.
    """
    with connect(context) as client:
        first, second = find_job(client, job), find_job(client, other)
        # One number for all answers: 'last' may move while they come.
        number, there = _number(client, first, iteration), _number(client, second, with_iteration)
        numbers = {"iteration": number, "with_iteration": there}
        which = {"cls": cls, "with_cls": with_cls}
        found = client.compare(first, second, **which, **numbers, mirror=mirror)
        changes = None
        if first.dataset == second.dataset and (first.id, number) != (second.id, there):
            changes = client.changes(first, second, **numbers)
        file = to and client.download_compared(first, second, to, **which, **numbers, mirror=mirror)
    if as_json:
        print_json({"comparison": found, "changes": changes, "file": file and str(file)})
        return
    here = f"class {cls} of {first.id}, iteration {number}"
    screen().print(f"class {with_cls} of {second.id}, iteration {there}, on {here}:", markup=False)
    for line in comparison_lines(found):
        screen().print(line, markup=False)
    if first.dataset != second.dataset:
        screen().print("The jobs have different datasets: classes are not compared.", markup=False)
    if changes is not None:
        _show(changes)
    if file:
        screen().print(str(file), markup=False, soft_wrap=True)


def _number(client: Client, job: Job, iteration: int | None) -> int:
    return client.iteration(job, "last" if iteration is None else iteration).number


def comparison_lines(found: Comparison) -> list[str]:
    """How one average lies on another, and how far they agree, in words with units."""
    x, y, z = found.shift_angstrom
    first = "mirrored along z, then turned" if found.mirrored else "turned"
    return [
        f"{first} by {found.rotation_deg:.1f} degrees, shifted by {x:.1f} {y:.1f} {z:.1f} Å "
        "(x, y, z)",
        f"correlation {found.correlation:.3f}; FSC 0.5 at {found.resolution_05_angstrom:.1f} Å, "
        f"0.143 at {found.resolution_0143_angstrom:.1f} Å",
    ]


def _show(changes: Changes) -> None:
    are = "is" if changes.changed == 1 else "are"
    screen().print(
        f"{changes.changed} of {changes.particles} particles {are} in another class", markup=False
    )
    names = [*(str(k) for k in range(1, len(changes.counts[0]))), "junk"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("particles")
    for name in names:
        table.add_column(name if name == "junk" else f"other {name}", justify="right")
    for k, row in enumerate(changes.counts, 1):
        name = "junk" if k == len(changes.counts) else f"class {k}"
        table.add_row(name, *map(str, row))
    screen().print(table)
