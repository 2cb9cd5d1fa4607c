"""``subtomo resume``, ``continue``, ``clone`` and ``webhook-secret``: jobs out of jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from subtomo.cli.find import find_job, map_id
from subtomo.cli.output import connect, plainly, print_json, screen
from subtomo.cli.settings import assigned, said_of, swept
from subtomo.cli.watch import end_of, follow
from subtomo.client import Client
from subtomo.records import Job

WhichJob = Annotated[str, typer.Argument(help="A job's id or name, or 'last'.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="A field to change, such as resolution.limit_angstrom=12."),
]
Sweep = Annotated[
    list[str] | None,
    typer.Option(help="Several values of a field, one job for each: classes=1,2,3."),
]
Watching = Annotated[bool, typer.Option("--watch/--no-watch", help="Follow the job to its end.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the job as JSON.")]


@plainly
def go_on(
    context: typer.Context,
    job: WhichJob,
    *,
    from_iteration: Annotated[
        int | None, typer.Option("--from", help="Iteration to go on from; the last by default.")
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(
            "--iterations",
            "-i",
            help="How many further ones; those which the job had left by default.",
        ),
    ] = None,
    mask: Annotated[
        str | None,
        typer.Option(
            help="Another mask: a map's id, such as 'subtomo mask' prints, or an MRC or EM file."
        ),
    ] = None,
    changes: Changes = None,
    watching: Watching = True,
    as_json: AsJson = False,
) -> None:
    """Go on from an iteration of a job, in a new job."""
    changed = assigned(changes)
    with connect(context) as client:
        earlier = find_job(client, job)
        if mask is not None:
            said = said_of(changed, "mask")
            changed["mask"] = {"kind": "map", "map": map_id(client, mask)} | said
        made = client.continue_job(
            earlier,
            from_iteration=from_iteration,
            iterations=iterations,
            changes=changed,
        )
        shown(client, [made], watching=watching, as_json=as_json)


@plainly
def resume(
    context: typer.Context,
    job: WhichJob,
    *,
    watching: Watching = True,
    as_json: AsJson = False,
) -> None:
    """Let a failed job go on from its last finished iteration."""
    with connect(context) as client:
        resumed = client.resume(find_job(client, job))
        shown(client, [resumed], watching=watching, as_json=as_json)


@plainly
def clone(
    context: typer.Context,
    job: WhichJob,
    *,
    changes: Changes = None,
    sweep: Sweep = None,
    watching: Watching = True,
    as_json: AsJson = False,
) -> None:
    """Start a job again, with changes."""
    with connect(context) as client:
        earlier = find_job(client, job)
        if sweep:
            made = client.sweep(swept(sweep), job=earlier, changes=assigned(changes))
        else:
            made = [client.clone(earlier, assigned(changes))]
        shown(client, made, watching=watching and not sweep, as_json=as_json)


@plainly
def webhook_secret(
    context: typer.Context,
    renew: Annotated[bool, typer.Option("--renew", help="Replace it with another one.")] = False,
) -> None:
    """Print with what your webhooks are signed."""
    with connect(context) as client:
        secret = client.webhook_secret(renew=renew)
    screen().print(secret, markup=False, soft_wrap=True)


def shown(client: Client, made: list[Job], *, watching: bool, as_json: bool) -> None:
    """Print new jobs, and follow one of them if asked to."""
    if not as_json:
        for job in made:
            screen().print(f"{job.id}  {job.name}".rstrip(), markup=False)
    if not watching:
        if as_json:
            print_json(made if len(made) > 1 else made[0])
        return
    job = follow(client, made[0], silent=as_json)
    if as_json:
        print_json(job)
    end_of(job, silent=as_json)
