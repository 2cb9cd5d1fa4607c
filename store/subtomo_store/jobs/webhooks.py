"""Webhooks: whom to tell the end of a job, kept until it was told.

A job's row here is armed when the job is made and released in the very transaction which ends
the job: no end is forgotten, whatever dies. Whoever sends *claims* a row first, which puts its
next attempt off; a sender which dies with a claim is followed by another attempt. So each end is
told at least once, always under the same message id.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from subtomo_store.config.settings import Settings
from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.service_tables import WebhookRow, WebhookSecretRow
from subtomo_store.database.upserts import ensured

WebhookState = Literal["armed", "waiting", "delivered", "failed"]
GROWTH = 3
LONGEST_ERROR = 500


@dataclass(frozen=True)
class Webhook:
    """A job's webhook: ``armed`` until the job ends, then ``waiting`` until it was told."""

    job_id: str
    message_id: str
    url: str
    state: WebhookState
    attempts: int
    due: datetime | None
    error: str | None
    delivered: datetime | None


class Claim(NamedTuple):
    """The right to make one attempt, the ``attempt``-th."""

    job_id: str
    message_id: str
    url: str
    attempt: int


def arm(session: Session, job_id: str, url: str) -> None:
    """Tell ``url`` the end of a job, once there is one."""
    session.add(
        WebhookRow(job_id=job_id, message_id=new_id("msg"), url=url, state="armed", attempts=0)
    )
    session.flush()


def arm_again(session: Session, job_id: str) -> None:
    """Tell the next end of a job, too: another message, since it is another end."""
    session.execute(
        update(WebhookRow)
        .where(WebhookRow.job_id == job_id)
        .values(
            message_id=new_id("msg"),
            state="armed",
            attempts=0,
            due=None,
            error=None,
            delivered=None,
        )
        .execution_options(synchronize_session=False)
    )


def release(session: Session, job_id: str) -> None:
    """Make a job's webhook due, in the transaction which ends the job."""
    session.execute(
        update(WebhookRow)
        .where(WebhookRow.job_id == job_id, WebhookRow.state == "armed")
        .values(state="waiting", due=now(session))
        .execution_options(synchronize_session=False)
    )


def of_jobs(session: Session, job_ids: list[str]) -> dict[str, Webhook]:
    """Webhooks of those jobs which have one."""
    found = session.scalars(select(WebhookRow).where(WebhookRow.job_id.in_(job_ids)))
    return {row.job_id: _record(row) for row in found}


def due(session: Session, limit: int = 20) -> list[str]:
    """Jobs whose webhook should be sent now, the longest due first."""
    query = (
        select(WebhookRow.job_id)
        .where(WebhookRow.state == "waiting", WebhookRow.due <= now(session))
        .order_by(WebhookRow.due)
        .limit(limit)
    )
    return list(session.scalars(query))


def claim(session: Session, job_id: str, settings: Settings, lease_seconds: float) -> Claim | None:
    """Take the next attempt at a webhook which is due; None when somebody else has it.

    The attempt after it is due when its pause is over, whatever becomes of this one.
    """
    moment = now(session)
    before = session.scalar(select(WebhookRow.attempts).where(WebhookRow.job_id == job_id))
    if before is None:
        return None
    pause = max(lease_seconds, settings.webhook_pause_seconds * GROWTH**before)
    row = session.execute(
        update(WebhookRow)
        .where(
            WebhookRow.job_id == job_id,
            WebhookRow.state == "waiting",
            WebhookRow.attempts == before,
            WebhookRow.due <= moment,
        )
        .values(attempts=before + 1, due=moment + timedelta(seconds=pause))
        .returning(WebhookRow.message_id, WebhookRow.url)
        .execution_options(synchronize_session=False)
    ).first()
    return None if row is None else Claim(job_id, row.message_id, row.url, before + 1)


def acknowledged(session: Session, claimed: Claim) -> None:
    """Note that the receiver has it."""
    _end(session, claimed, state="delivered", error=None, delivered=now(session), due=None)


def refused(session: Session, claimed: Claim, error: str, settings: Settings) -> None:
    """Note why an attempt failed; the last one ends the matter."""
    error = error[:LONGEST_ERROR]
    if claimed.attempt >= settings.webhook_attempts:
        _end(session, claimed, state="failed", error=error, due=None)
        return
    pause = settings.webhook_pause_seconds * GROWTH ** (claimed.attempt - 1)
    _end(session, claimed, error=error, due=now(session) + timedelta(seconds=pause))


def secret_of(session: Session, user_id: str) -> str:
    """With what a user's webhooks are signed; made at the first use."""
    return _secret_row(session, user_id).secret


def new_secret(session: Session, user_id: str) -> str:
    """Sign with another secret from now on."""
    row = _secret_row(session, user_id)
    row.secret, row.created = _secret(), now(session)
    session.flush()
    return row.secret


def _secret_row(session: Session, user_id: str) -> WebhookSecretRow:
    return ensured(
        session,
        WebhookSecretRow,
        user_id,
        lambda: {"user_id": user_id, "secret": _secret(), "created": now(session)},
    )


def _secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _end(session: Session, claimed: Claim, **values: object) -> None:
    """Write an attempt's outcome, unless a later attempt was claimed meanwhile."""
    session.execute(
        update(WebhookRow)
        .where(
            WebhookRow.job_id == claimed.job_id,
            WebhookRow.state == "waiting",
            WebhookRow.attempts == claimed.attempt,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _record(row: WebhookRow) -> Webhook:
    return Webhook(
        job_id=row.job_id,
        message_id=row.message_id,
        url=row.url,
        state=row.state,  # type: ignore[arg-type]
        attempts=row.attempts,
        due=row.due,
        error=row.error,
        delivered=row.delivered,
    )
