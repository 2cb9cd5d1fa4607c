"""Text of tables, in whichever encoding a program wrote it."""

from __future__ import annotations

import re

from subtomo_core.errors import InputError, Problem
from subtomo_store.files.readable import Readable

LARGEST_FILE = 1 << 30

_NO_TEXT = re.compile("[\0-\x08\x0e-\x1f]")


def read_text(path: Readable, name: str) -> str:
    """Read a file of text: UTF-8, or else Latin-1, as older programs write comments and names.

    Raises
    ------
    InputError
        If it is too large, or no text.
    """
    with path.open("rb") as file:
        raw = file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        detail = f"{name}: larger than {LARGEST_FILE >> 20} MiB; split it"
        raise InputError(Problem(detail, file=name))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if _NO_TEXT.search(text):
        raise InputError(Problem(f"{name}: not a text file; save it as UTF-8 text", file=name))
    return text


def lines_of(text: str) -> list[str]:
    """Lines, whatever the system they were written on; no other character ends one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
