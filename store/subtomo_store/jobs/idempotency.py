"""Idempotency keys: the same request sent twice is carried out once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from subtomo_store.database.engine import Store, now
from subtomo_store.database.records import Answer
from subtomo_store.database.tables import IdempotencyRow
from subtomo_store.errors import IdempotencyError


class Outcome(NamedTuple):
    """An answer, and whether it was given before."""

    answer: Answer
    repeated: bool


def once(
    store: Store,
    user_id: str,
    key: str,
    body_sha256: str,
    make: Callable[[Session], Answer],
) -> Outcome:
    """Run ``make`` in a transaction unless the key has an answer already.

    Two requests at the same moment: one transaction fails on the key and nothing of it
    stays; its caller gets the other's answer.

    Raises
    ------
    IdempotencyError
        If the key came before with another body.
    """
    try:
        with store.begin() as session:
            earlier = recall(session, user_id, key, body_sha256)
            if earlier is not None:
                return Outcome(earlier, repeated=True)
            answer = make(session)
            remember(session, user_id, key, body_sha256, answer)
        return Outcome(answer, repeated=False)
    except IntegrityError:
        with store.read() as session:
            earlier = recall(session, user_id, key, body_sha256)
        if earlier is None:
            raise
        return Outcome(earlier, repeated=True)


def recall(session: Session, user_id: str, key: str, body_sha256: str) -> Answer | None:
    """Give the first answer to a key, or None for a new key.

    Raises
    ------
    IdempotencyError
        If the key came before with another body.
    """
    row = session.get(IdempotencyRow, (user_id, key))
    if row is None:
        return None
    if row.body_sha256 != body_sha256:
        raise IdempotencyError(
            f"the idempotency key {key!r} was already used with another body: "
            "use a new key for a new request"
        )
    return Answer(status=row.status, response=row.response)


def remember(session: Session, user_id: str, key: str, body_sha256: str, answer: Answer) -> None:
    """Keep the first answer to a key."""
    session.add(
        IdempotencyRow(
            user_id=user_id,
            key=key,
            body_sha256=body_sha256,
            status=answer.status,
            response=answer.response,
            created=now(session),
        )
    )
    session.flush()
