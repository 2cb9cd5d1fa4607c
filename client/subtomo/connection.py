"""Where the server is: arguments, environment, or the note which ``subtomo serve`` leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

DEFAULT_URL = "http://127.0.0.1:8642"
NOTE = "connection.json"


class Connection(NamedTuple):
    """Address and token of a server."""

    url: str
    token: str | None


def data_folder(environment: Mapping[str, str]) -> Path:
    """Return the data folder of a server started by this user (``SUBTOMO_DATA``)."""
    given = environment.get("SUBTOMO_DATA")
    return Path(given).expanduser() if given else Path.home() / "subtomo-data"


def find_connection(
    url: str | None = None,
    token: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Connection:
    """Find the server's address and token.

    Arguments come first, then ``SUBTOMO_URL`` and ``SUBTOMO_TOKEN``, then ``connection.json`` in
    the data folder. The note's token is sent to the note's address only, never to another one.

    Parameters
    ----------
    url, token : str, optional
        What the caller knows already.
    environment : mapping, optional
        Environment variables; the process's own by default.

    Returns
    -------
    Connection
        With ``token`` None where none is known.
    """
    environment = os.environ if environment is None else environment
    note = _read_note(data_folder(environment) / NOTE)
    address = url or environment.get("SUBTOMO_URL") or (note.url if note else DEFAULT_URL)
    address = address.rstrip("/")
    secret = token or environment.get("SUBTOMO_TOKEN")
    if not secret and note and note.url == address:
        secret = note.token
    return Connection(address, secret or None)


def _read_note(path: Path) -> Connection | None:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return Connection(str(note["url"]).rstrip("/"), note.get("token"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
