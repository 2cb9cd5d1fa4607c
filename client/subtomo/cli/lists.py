"""``subtomo jobs``, ``datasets``, ``maps``, ``usage``, ``change``, ``cancel`` and ``delete``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from subtomo.cli.find import find_job
from subtomo.cli.output import age, connect, plainly, print_json, screen, size
from subtomo.cli.watch import waiting_line
from subtomo.errors import InvalidInput

WhichJob = Annotated[str, typer.Argument(help="A job's id or name, or 'last'.")]
Limit = Annotated[int, typer.Option(help="How many at the most.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@plainly
def jobs(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only jobs with this status.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with connect(context) as client:
        records = client.jobs(status=status, limit=limit)
    if as_json:
        print_json(records)
        return
    table = _table(
        "job", "name", "algorithm", "status", "iteration", "done", "created", "waits for"
    )
    for job in records:
        table.add_row(
            job.id,
            job.name,
            job.algorithm,
            job.status,
            f"{job.progress.iteration}/{job.progress.iterations}",
            f"{job.progress.fraction:.0%}",
            age(job.created),
            waiting_line(job),
        )
    _show(table, "No jobs yet. Start one with: subtomo run faml DATASET")


@plainly
def datasets(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List datasets, newest first."""
    with connect(context) as client:
        records = client.datasets(limit=limit)
    if as_json:
        print_json(records)
        return
    table = _table("dataset", "name", "status", "particles", "box", "Å/voxel", "created")
    for dataset in records:
        voxel = dataset.voxel_size_angstrom
        table.add_row(
            dataset.id,
            dataset.name,
            dataset.status,
            str(dataset.particles or ""),
            str(dataset.box or ""),
            f"{voxel:g}" if voxel else "",
            age(dataset.created),
        )
    _show(table, "No datasets yet. Upload one with: subtomo push PARTICLES.star --tilt -60 60")


@plainly
def maps(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List maps that were uploaded, and masks that were drawn, newest first."""
    with connect(context) as client:
        records = client.maps(limit=limit)
    if as_json:
        print_json(records)
        return
    table = _table("map", "name", "box", "Å/voxel", "created")
    for record in records:
        voxel = record.voxel_size_angstrom
        sizes = (str(record.box or ""), f"{voxel:g}" if voxel else "")
        table.add_row(record.id, record.name, *sizes, age(record.created))
    _show(
        table, "No maps yet. 'subtomo run --start MAP.mrc' uploads one, 'subtomo mask' draws one."
    )


@plainly
def change(
    context: typer.Context,
    job: WhichJob,
    *,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    priority: Annotated[
        int | None, typer.Option(help="0 to 100; jobs of higher priority run first.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a job another name or, while it waits or runs, another priority."""
    if name is None and priority is None:
        raise InvalidInput("Nothing to change: give --name or --priority.")
    with connect(context) as client:
        record = client.change_job(find_job(client, job), name=name, priority=priority)
    if as_json:
        print_json(record)
        return
    told = (record.id, record.name, record.status, f"priority {record.priority}")
    screen().print("  ".join(filter(None, told)), markup=False)


@plainly
def cancel(
    context: typer.Context,
    job: WhichJob,
    as_json: AsJson = False,
) -> None:
    """Ask for a job's end; what it has finished stays."""
    with connect(context) as client:
        record = client.cancel(find_job(client, job))
    if as_json:
        print_json(record)
        return
    screen().print(f"{record.id} {record.status}", markup=False)


@plainly
def delete(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(help="Ids of jobs, datasets and maps.")],
) -> None:
    """Delete jobs which have ended, datasets without jobs, and maps, with their files."""
    with connect(context) as client:
        ways = {
            "job_": client.delete_job,
            "ds_": client.delete_dataset,
            "map_": client.delete_map,
        }
        chosen = [(one, way) for one in ids for kind, way in ways.items() if one.startswith(kind)]
        if wrong := set(ids) - {one for one, _ in chosen}:
            raise InvalidInput(
                f"'{min(wrong)}' is no id: give those of jobs (job_...), datasets (ds_...) or "
                "maps (map_...)."
            )
        for one, way in chosen:
            way(one)
            screen().print(f"{one} is deleted", markup=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis" if column == "name" else "fold")
    return table


def _show(table: Table, otherwise: str) -> None:
    screen().print(table if table.row_count else otherwise, markup=False)


@plainly
def usage(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show how much of the disk you take, and of how much."""
    with connect(context) as client:
        found = client.usage()
    if as_json:
        print_json(found)
        return
    table = Table(box=None, show_header=False)
    for what in ("datasets", "uploads", "maps", "jobs"):
        table.add_row(what, size(getattr(found, f"{what}_bytes")))
    table.add_row("together", size(found.used_bytes))
    table.add_row("quota", "none" if found.quota_bytes is None else size(found.quota_bytes))
    screen().print(table)
