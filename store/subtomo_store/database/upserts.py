"""Insertion of rows that several servers may add at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from subtomo_store.database.columns import Base

Row = TypeVar("Row", bound=Base)


def insert_into(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Begin an insert that may say what to do where there is such a row."""
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return make(table)


def added(session: Session, table: type[Base], **values: Any) -> bool:
    """Add a row; False where there is one of its key, if only since a moment ago."""
    row = insert_into(session, table).values(**values).on_conflict_do_nothing()
    return session.execute(row.returning(*table.__table__.primary_key)).first() is not None


def ensured(
    session: Session, table: type[Row], key: Any, values: Callable[[], dict[str, Any]]
) -> Row:
    """Return the row of a primary key; made of ``values()`` where there is none yet."""
    row = session.get(table, key)
    if row is None:
        added(session, table, **values())
        row = session.get_one(table, key)
    return row
