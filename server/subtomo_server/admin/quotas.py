"""``subtomo admin quotas``."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from subtomo_core.errors import InputError, Problem
from subtomo_server.admin.workbench import UserName, plainly, show, workbench
from subtomo_server.words import size
from subtomo_store import users
from subtomo_store.limits import limits_of
from subtomo_store.usage import usage_of

app = typer.Typer()
USUAL = "usual"
UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


@app.command("show")
@plainly
def show_all() -> None:
    """Show what everybody may take, and has."""
    with workbench() as store, store.read() as session:
        rows = []
        for user in users.page(session):
            limits = limits_of(session, user.id, store.settings)
            usage = usage_of(session, user.id, store.settings)
            quota = limits.disk_quota_bytes
            rows.append(
                (
                    user.name,
                    size(usage.disk_bytes),
                    "-" if quota is None else size(quota),
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
    given = {
        "disk_quota_bytes": None if disk is None else _bytes(disk),
        "running_jobs": None if running_jobs is None else _number(running_jobs, 100_000),
        "highest_priority": None if highest_priority is None else _number(highest_priority, 100),
    }
    values = {name: value[0] for name, value in given.items() if value is not None}
    with workbench() as store, store.begin() as session:
        user = users.change(session, name, **values)
        limits = limits_of(session, user.id, store.settings)
    quota = limits.disk_quota_bytes
    typer.echo(
        f"{user.name}: disk {'without limit' if quota is None else size(quota)}, "
        f"{limits.running_jobs} running jobs, priorities up to {limits.highest_priority}"
    )


def _bytes(text: str) -> tuple[int | None]:
    if text == USUAL:
        return (None,)
    found = BYTES.fullmatch(text.strip())
    if found is None:
        raise InputError(Problem(f"'{text}' is no size: write bytes, or 500G, 2T, or 'usual'"))
    return (int(float(found[1]) * 1024 ** UNITS[found[2].lower()]),)


def _number(text: str, most: int) -> tuple[int | None]:
    if text == USUAL:
        return (None,)
    if not text.isdecimal() or int(text) > most:
        raise InputError(Problem(f"'{text}' is no number from 0 to {most}: write one, or 'usual'"))
    return (int(text),)
