"""Server-Sent Events: bytes in, events out (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r(?!$)")


class ServerSentEvent(NamedTuple):
    """One event as it came over the wire."""

    id: str
    event: str
    data: str


def split_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    r"""Cut a byte stream into lines at ``\n``, ``\r\n`` and ``\r`` only.

    ``str.splitlines`` would also cut at characters which may stand inside JSON (U+2028).
    A last line without its end is dropped: the connection cut it off.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = _LINE_END.split(rest + chunk)
        for line in whole:
            yield line.decode("utf-8", errors="replace")


def parse(lines: Iterable[str]) -> Iterator[ServerSentEvent]:
    """Read events from lines without their line ends.

    A block without data is no event, comments (pings) are passed over, and an event which the
    connection's end cut off is dropped, all as the standard says. The id carries over to
    following events which have none.
    """
    last_id, kind, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield ServerSentEvent(last_id, kind or "message", "\n".join(data))
            kind, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
