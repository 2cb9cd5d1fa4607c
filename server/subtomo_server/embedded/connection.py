"""The note which lets a client on this machine find the server and sign in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from subtomo_server.auth.accounts import issue_token, sign_in_of
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import UserRole
from subtomo_store.files.data_folder import temporary_beside
from subtomo_store.people import users

NOTE = "connection.json"
USER = "local"


class Connection(NamedTuple):
    """Address and token of this server."""

    url: str
    token: str


def write_note(store: Store, url: str, role: UserRole = "user") -> Connection:
    """Write ``connection.json``; the token of an earlier start is kept while it is valid.

    The first start makes the user and the token. Only its SHA-256 is in the database, so this
    file (mode 0600) is the one place which holds it.
    """
    path = store.settings.data.expanduser() / NOTE
    with store.begin() as session:
        users.change(session, users.ensure(session, USER, role).id, role=role)
    token = _earlier_token(store, path) or issue_token(store, USER, label="subtomo serve")
    connection = Connection(url, token)
    temporary = temporary_beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as note:
        json.dump(connection._asdict(), note)
    temporary.replace(path)
    return connection


def _earlier_token(store: Store, path: Path) -> str | None:
    try:
        token = str(json.loads(path.read_text(encoding="utf-8"))["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return token if sign_in_of(store, token) else None
