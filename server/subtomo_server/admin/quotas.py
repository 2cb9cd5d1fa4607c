"""``subtomo admin quotas``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from subtomo_server.admin.shared import UserName, opened_store, plainly, show
from subtomo_server.http.words import read_number, read_size
from subtomo_store.people import users
from subtomo_store.people.limits import MOST_RUNNING, limits_of
from subtomo_store.people.quotas import said
from subtomo_store.people.usage import usage_of

app = typer.Typer()
USUAL = "usual"


@app.command("show")
@plainly
def show_all() -> None:
    """Show what everybody may take, and has."""
    with opened_store() as store, store.read() as session:
        rows = []
        for user in users.page(session):
            limits = limits_of(session, user.id, store.settings)
            usage = usage_of(session, user.id, store.settings)
            quota = limits.disk_quota_bytes
            rows.append(
                (
                    user.name,
                    said(usage.disk_bytes),
                    "-" if quota is None else said(quota),
                    usage.running_jobs,
                    limits.running_jobs,
                    limits.highest_priority,
                )
            )
    show(("user", "disk", "of", "running jobs", "of", "highest priority"), rows)


@app.command("set")
@plainly
def set_quota(
    name: UserName,
    *,
    disk: Annotated[str | None, typer.Option(help="Bytes, or 500G, 2T; 'usual'.")] = None,
    running_jobs: Annotated[str | None, typer.Option(help="A number; 'usual'.")] = None,
    highest_priority: Annotated[str | None, typer.Option(help="0 to 100; 'usual'.")] = None,
) -> None:
    """Set a user's own limits; 'usual' is what the settings say for everybody."""
    given: dict[str, tuple[str | None, Callable[[str], int]]] = {
        "disk_quota_bytes": (disk, read_size),
        "running_jobs": (running_jobs, partial(read_number, most=MOST_RUNNING)),
        "highest_priority": (highest_priority, partial(read_number, most=100)),
    }
    values = {
        field: None if text == USUAL else read(text)
        for field, (text, read) in given.items()
        if text is not None
    }
    with opened_store() as store, store.begin() as session:
        user = users.change(session, name, **values)
        limits = limits_of(session, user.id, store.settings)
    quota = limits.disk_quota_bytes
    typer.echo(
        f"{user.name}: disk {'without limit' if quota is None else said(quota)}, "
        f"{limits.running_jobs} running jobs, priorities up to {limits.highest_priority}"
    )
