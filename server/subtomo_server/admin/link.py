"""``subtomo admin link``: a link which signs a browser in, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from subtomo_core.errors import SubtomoError
from subtomo_server.admin.shared import opened_store, plainly
from subtomo_server.auth.links import link_for
from subtomo_server.embedded.connection import NOTE, USER
from subtomo_store.database.engine import Store
from subtomo_store.people import users


@plainly
def link(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Whom it signs in; on a laptop that is you.")
    ] = USER,
) -> None:
    """Print a link which signs a browser in: it serves once, within fifteen minutes."""
    with opened_store() as store:
        with store.read() as session:
            user = users.find(session, name)
        typer.echo(link_for(store, user, _address(store)))


def _address(store: Store) -> str:
    """Where browsers find the service: as the settings say, or the server that runs."""
    if store.settings.public_url:
        return store.settings.public_url.rstrip("/")
    note = Path(store.settings.data).expanduser() / NOTE
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SubtomoError(
            f"no service has been started in {note.parent}: start it with 'subtomo serve', or name "
            "its address in SUBTOMO_PUBLIC_URL"
        ) from error
