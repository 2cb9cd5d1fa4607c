"""``subtomo admin clean``: what the rules do not keep, shown or removed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from subtomo_core.errors import SubtomoError
from subtomo_store import open_store
from subtomo_store.config.settings import read_settings
from subtomo_store.people.quotas import said
from subtomo_store.upkeep import retention


def clean(
    *,
    data: Annotated[
        Path | None, typer.Option(help="Data folder, as the server's. [env: SUBTOMO_DATA]")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Remove it, or only show what would go.")
    ] = False,
) -> None:
    """Show what the rules of retention do not keep, with sizes and reasons; --apply removes it.

    Uploads which have expired; datasets never sealed (SUBTOMO_KEEP_OPEN_DAYS); iterations of
    ended jobs which are neither the last nor the best of a class (SUBTOMO_KEEP_ITERATIONS_DAYS);
    and files without a record. Workers apply all but the last by themselves, every hour.
    """
    try:
        settings = read_settings(data=data)
        with closing(open_store(settings)) as store:
            store.migrate()
            removals = retention.plan(store, with_orphans=True)
            for removal in removals:
                if apply:
                    retention.apply(store, removal)
                typer.echo(line(removal, settings.data.expanduser()))
    except SubtomoError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    total = said(sum(removal.size for removal in removals))
    verb = "were removed" if apply else "would go; --apply removes them"
    typer.echo(f"{len(removals)} things, {total}, {verb}.")


def line(removal: retention.Removal, data: Path) -> str:
    """One thing in a line: kind, size, place and reason."""
    place = removal.path.relative_to(data)
    return f"{removal.kind:9}  {said(removal.size):>10}  {place}  ({removal.reason})"


if __name__ == "__main__":
    typer.run(clean)
