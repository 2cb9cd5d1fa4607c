"""Ids with a prefix, and the cursors of lists."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime

from subtomo_core.errors import InputError, Problem


def new_id(prefix: str) -> str:
    """Make an id that nobody can guess: ``job_4f0c...``."""
    return f"{prefix}_{secrets.token_hex(10)}"


def encode_cursor(created: datetime, row_id: str) -> str:
    """Point behind a row of a list sorted by time and id."""
    return base64.urlsafe_b64encode(f"{created.isoformat()}|{row_id}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """Read what `encode_cursor` wrote.

    Raises
    ------
    InputError
        If the cursor is not one of ours.
    """
    try:
        moment, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        created = datetime.fromisoformat(moment)
        if created.tzinfo is None:
            raise ValueError("no zone")
    except (ValueError, binascii.Error) as error:
        raise InputError(
            Problem("the cursor is not one this list gave: ask again without a cursor")
        ) from error
    return created, row_id
