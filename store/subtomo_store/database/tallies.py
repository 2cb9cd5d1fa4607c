"""Counters in the database, the same for every server of a facility.

What a transaction counts is written right before its commit, in one order of rows for all: no
transaction waits with a tally's row locked, and none deadlocks over one. What is rolled back
was not counted.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

from subtomo_store.database.tables import TallyRow
from subtomo_store.database.upserts import insert_into

SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
ABOVE = "+Inf"
_PENDING = "subtomo_tallies"


class Key(NamedTuple):
    """What is counted: a name, one label, and the bucket's upper edge where there are buckets."""

    name: str
    label: str
    bucket: str


class Tally(NamedTuple):
    """How often something happened, and the sum of what was measured each time."""

    key: Key
    number: int
    total: float


def count(session: Session, name: str, label: str, value: float = 0.0) -> None:
    """Count one more of ``name`` at the commit, and add ``value`` to its total."""
    _add(session, Key(name, label, ""), value)


def measure(session: Session, name: str, label: str, seconds: float) -> None:
    """Count something that took ``seconds`` in its bucket, at the commit."""
    _add(session, Key(name, label, bucket_of(seconds)), seconds)


def bucket_of(seconds: float) -> str:
    """Upper edge of the bucket of ``seconds``, as Prometheus writes it."""
    return next((f"{edge:g}" for edge in SECONDS if seconds <= edge), ABOVE)


def everything(session: Session) -> list[Tally]:
    """All counts so far."""
    rows = session.scalars(select(TallyRow).order_by(TallyRow.name, TallyRow.label)).all()
    return [Tally(Key(row.name, row.label, row.bucket), row.count, row.total) for row in rows]


def write_before_commit(sessions: sessionmaker[Session]) -> None:
    """Make every session of ``sessions`` write what it counted before it commits."""
    event.listen(sessions, "before_commit", _write)


def _add(session: Session, key: Key, value: float) -> None:
    pending: dict[Key, tuple[int, float]] = session.info.setdefault(_PENDING, {})
    counted, total = pending.get(key, (0, 0.0))
    pending[key] = counted + 1, total + value


def _write(session: Session) -> None:
    pending: dict[Key, tuple[int, float]] = session.info.pop(_PENDING, {})
    for key, (counted, total) in sorted(pending.items()):
        row = insert_into(session, TallyRow).values(**key._asdict(), count=counted, total=total)
        session.execute(
            row.on_conflict_do_update(
                index_elements=["name", "label", "bucket"],
                set_={
                    "count": TallyRow.count + row.excluded.count,
                    "total": TallyRow.total + row.excluded.total,
                },
            )
        )
