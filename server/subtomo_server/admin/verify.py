"""``subtomo admin verify``: whether what is stored is still what was written."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from subtomo_server.admin.shared import opened_store, plainly
from subtomo_store.upkeep import verification


@plainly
def verify(
    *,
    add: Annotated[
        bool,
        typer.Option("--add", help="Give datasets which were sealed without checksums theirs."),
    ] = False,
) -> None:
    """Read everything that is stored and name what is damaged or gone; status 1 if anything is.

    Particles and weights are compared with the checksums of their sealing, block by block, and
    tables, uploads, maps and results with their SHA-256. The service may run meanwhile.
    """
    seen: Counter[str] = Counter()
    damaged, unsummed = 0, 0
    with opened_store() as store:
        for found in verification.verify(store, add=add):
            seen[found.kind] += 1
            unsummed += found.unsummed
            if found.damage:
                damaged += 1
                typer.echo(f"{found.kind:8} {found.name}: {found.damage}")
    total = ", ".join(
        f"{seen[kind]} {kind}{'' if seen[kind] == 1 else 's'}"
        for kind in ("dataset", "upload", "map", "result")
    )
    typer.echo(f"{total}: {damaged or 'none'} damaged or gone.")
    if unsummed:
        typer.echo(
            f"{unsummed} of the datasets have no checksums, so that jobs would not see damage: "
            "'subtomo admin verify --add' gives them theirs."
        )
    if damaged:
        raise typer.Exit(1)
