"""What a service keeps, and how it refuses: for tests that a refusal leaves nothing behind."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx
from sqlalchemy import MetaData, func, select

from support.serving import Served


class Left(NamedTuple):
    """Everything a service keeps: its files, and the number of rows in each table."""

    files: frozenset[str]
    rows: dict[str, int]


def left(service: Served) -> Left:
    """Look at everything, but for the counts: what was refused may be counted."""
    root = service.store.settings.data
    kept = {
        str(path.relative_to(root))
        for folder in ("datasets", "jobs", "maps")
        for path in (root / folder).rglob("*")
        if path.is_file() or path.name.startswith(".")
    }
    tables = MetaData()
    tables.reflect(service.store.engine)
    with service.store.read() as session:
        rows = {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.tables.items()
            if name != "tallies"
        }
    return Left(frozenset(kept), rows)


def refused(answer: httpx.Response, status: int = 422) -> dict[str, Any]:
    """A problem document, and the one fault in it where it has faults."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["type"].startswith("urn:subtomo:problem:")
    if status != 422:
        return dict(document)
    (only,) = document["errors"]
    assert only["detail"] == document["detail"]
    return dict(only)
