"""Pages of lists, newest first, by cursors: rows that are added meanwhile do not shift them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from subtomo_store.database.identity import decode_cursor, encode_cursor


def newest_first(
    session: Session,
    query: Select[Any],
    *,
    created: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[str],
    limit: int,
    cursor: str | None,
) -> tuple[list[Any], str | None]:
    """Rows of one page, and the cursor of the next (None at the end)."""
    if cursor:
        moment, last = decode_cursor(cursor)
        query = query.where(or_(created < moment, and_(created == moment, row_id < last)))
    ordered = query.order_by(created.desc(), row_id.desc()).limit(limit + 1)
    rows: list[Any] = list(session.scalars(ordered))
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    return rows, encode_cursor(rows[-1].created, rows[-1].id)
