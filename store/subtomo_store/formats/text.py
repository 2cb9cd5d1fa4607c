"""Tables are text, whichever program wrote them."""

from __future__ import annotations

from subtomo_core.errors import InputError, Problem
from subtomo_store.readable import Readable

LARGEST_FILE = 1 << 30
MOST_PROBLEMS = 100


def read_text(path: Readable, name: str) -> str:
    """Read a file of UTF-8 text.

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
    except UnicodeDecodeError as error:
        detail = f"{name}: not a text file (byte {error.start}); save it as UTF-8 text"
        raise InputError(Problem(detail, file=name)) from error
    if "\0" in text:
        raise InputError(Problem(f"{name}: not a text file; save it as UTF-8 text", file=name))
    return text
