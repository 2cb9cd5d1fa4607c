"""Delay of sign-ins after failures, for each name and each address.

What has failed stands in the database, so that several servers count together. A name that
nobody has is counted like any other: an answer does not tell which names exist.
"""

from __future__ import annotations

import math
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.people_tables import AttemptsRow
from subtomo_store.database.upserts import insert_into

FREE_FAILURES = {"name": 5, "address": 20}
LONGEST_WAIT_SECONDS = {"name": 60.0, "address": 900.0}
FORGOTTEN_AFTER = timedelta(hours=1)


def keys(name: str, address: str = "") -> tuple[str, ...]:
    """Under which names a sign-in is counted; without an address under the user's only."""
    named = f"name:{name.lower()[:200]}"
    return (named, f"address:{address[:100]}") if address else (named,)


def attempt(session: Session, name: str, address: str = "") -> int:
    """Begin an attempt: 0 when it may be made, or the seconds for which it is refused.

    It counts as a failure until `note_success`, so that many at the same moment are no way around.
    """
    wait = wait_seconds(session, name, address)
    if not wait:
        note_failure(session, name, address)
    return wait


def wait_seconds(session: Session, name: str, address: str = "") -> int:
    """Seconds for which another attempt is refused; 0 when it may come now."""
    counted = select(AttemptsRow).where(AttemptsRow.key.in_(keys(name, address)))
    rows = session.scalars(
        counted.with_for_update().execution_options(populate_existing=True).order_by("key")
    )
    moment = now(session)
    waits = [_wait(row.key, row.failures) - (moment - row.last).total_seconds() for row in rows]
    return max(0, math.ceil(max(waits, default=0.0)))


def note_failure(session: Session, name: str, address: str = "") -> None:
    """Count a failure; what is older than an hour is forgotten."""
    moment = now(session)
    session.execute(delete(AttemptsRow).where(AttemptsRow.last < moment - FORGOTTEN_AFTER))
    for key in keys(name, address):
        first = insert_into(session, AttemptsRow).values(key=key, failures=1, last=moment)
        session.execute(
            first.on_conflict_do_update(
                index_elements=["key"],
                set_={"failures": AttemptsRow.failures + 1, "last": moment},
            )
        )


def note_success(session: Session, name: str, address: str = "") -> None:
    """Forget the failures of a name; those of the address stay, but for this attempt."""
    named, *others = keys(name, address)
    session.execute(delete(AttemptsRow).where(AttemptsRow.key == named))
    session.execute(
        update(AttemptsRow)
        .where(AttemptsRow.key.in_(others))
        .values(failures=AttemptsRow.failures - 1)
        .execution_options(synchronize_session=False)
    )


def _wait(key: str, failures: int) -> float:
    kind = key.partition(":")[0]
    beyond = failures - FREE_FAILURES[kind]
    return min(2.0 ** min(beyond, 20), LONGEST_WAIT_SECONDS[kind]) if beyond >= 0 else 0.0
