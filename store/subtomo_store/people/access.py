"""Tokens, and whom they let in. Only the SHA-256 of a token is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.people_records import Scope, Token, TokenKind, User
from subtomo_store.database.people_tables import TokenRow, UserRow
from subtomo_store.database.records import copied
from subtomo_store.errors import NotFoundError
from subtomo_store.people.permissions import is_admin

USED_RESOLUTION = timedelta(minutes=1)
MOST_DAYS = 3650
# Asked with every request, so written once.
WHO = (
    select(TokenRow, UserRow)
    .join(UserRow, UserRow.id == TokenRow.user_id)
    .where(TokenRow.sha256 == bindparam("sha256"), TokenRow.kind == bindparam("kind"))
)


class SignIn(NamedTuple):
    """Who sends a request, and by which token."""

    user: User
    token: Token


def create_token(
    session: Session,
    user_id: str,
    label: str,
    expires: datetime | None = None,
    *,
    scope: Scope = "admin",
    kind: TokenKind = "api",
    opened_by: str | None = None,
) -> tuple[Token, str]:
    """Make a token; its text is returned once, here, and never again."""
    text = f"subtomo_{secrets.token_urlsafe(32)}"
    row = TokenRow(
        id=new_id("tok"),
        user_id=user_id,
        sha256=digest(text),
        kind=kind,
        scope=scope,
        label=label,
        created=now(session),
        expires=expires,
        last_used=None,
        opened_by=opened_by,
    )
    session.add(row)
    session.flush()
    return copied(Token, row), text


def expiry(session: Session, days: int | None) -> datetime | None:
    """Moment in so many days; None stays None.

    Raises
    ------
    InputError
        If it is not between tomorrow and ten years.
    """
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        told = f"a token is valid for 1 to {MOST_DAYS} days, not {days}: name a number between"
        raise InputError(Problem(told, pointer="/expires_days"))
    return now(session) + timedelta(days=days)


def open_session(
    session: Session, user_id: str, seconds: float, since: Token | None = None
) -> tuple[Token, str]:
    """Sign a browser in: a token of its own kind, which expires.

    One which is opened by another token may no more than that one, and ends with it.
    """
    expires = now(session) + timedelta(seconds=seconds)
    if since is not None and since.expires is not None:
        expires = min(expires, since.expires)
    scope: Scope = "admin" if since is None else since.scope
    opened_by = None if since is None else since.id
    return create_token(
        session, user_id, "browser", expires, scope=scope, kind="browser", opened_by=opened_by
    )


def create_link(session: Session, user_id: str, seconds: float, since: Token | None) -> str:
    """Make what a link signs a browser in by, once; its text, which is kept nowhere.

    Its session may no more than the token ``since``, and ends with it.
    """
    return create_token(
        session,
        user_id,
        "link",
        now(session) + timedelta(seconds=seconds),
        scope="admin" if since is None else since.scope,
        kind="link",
        opened_by=None if since is None else since.id,
    )[1]


def use_link(session: Session, text: str, seconds: float) -> str | None:
    """Use up a link and sign its user's browser in; the session's text.

    None where the link was used before, has expired or never was one, or its user may not sign in.
    """
    used = session.execute(
        delete(TokenRow)
        .where(TokenRow.sha256 == digest(text), TokenRow.kind == "link")
        .returning(TokenRow.user_id, TokenRow.expires, TokenRow.opened_by, TokenRow.scope)
    ).one_or_none()
    if used is None or used.expires is None or used.expires <= now(session):
        return None
    if session.get_one(UserRow, used.user_id).disabled:
        return None
    return create_token(
        session,
        used.user_id,
        "browser",
        now(session) + timedelta(seconds=seconds),
        scope=used.scope,
        kind="browser",
        opened_by=used.opened_by,
    )[1]


def authenticate(session: Session, text: str, kind: TokenKind = "api") -> SignIn | None:
    """User and record of a token, or None when it does not let anybody in. Only reads.

    It does not when it is unknown, of another kind, or has expired, or when its user is disabled.
    """
    found = session.execute(WHO, {"sha256": digest(text), "kind": kind}).one_or_none()
    return None if found is None else _sign_in(session, *found)


def still_valid(session: Session, token_id: str) -> bool:
    """Whether a token which let somebody in does so still."""
    row = session.get(TokenRow, token_id)
    if row is None:
        return False
    return _sign_in(session, row, session.get_one(UserRow, row.user_id)) is not None


def note_use(session: Session, token_id: str) -> None:
    """Write down that a token was used."""
    row = session.get(TokenRow, token_id)
    if row is not None:
        row.last_used = now(session)


def use_is_news(token: Token) -> bool:
    """Whether `note_use` is worth a write: once a minute, so that reading stays cheap."""
    return token.last_used is None or datetime.now(UTC) - token.last_used > USED_RESOLUTION


def tokens(session: Session, user_id: str) -> list[Token]:
    """Tokens of a user which have not expired, oldest first."""
    query = (
        select(TokenRow)
        .where(TokenRow.user_id == user_id, TokenRow.kind != "link")
        .order_by(TokenRow.created)
    )
    moment = now(session)
    return [copied(Token, row) for row in session.scalars(query) if not _expired(row, moment)]


def revoke(session: Session, user_id: str, token_id: str) -> None:
    """Forget a token and the sessions it opened; an administrator may forget anybody's.

    Raises
    ------
    NotFoundError
        If the user has no such token.
    """
    row = session.get(TokenRow, token_id)
    if row is None or (row.user_id != user_id and not is_admin(session, user_id)):
        raise NotFoundError(f"there is no token {token_id}")
    session.execute(delete(TokenRow).where(TokenRow.opened_by == token_id))
    session.execute(delete(TokenRow).where(TokenRow.id == token_id))


def end_sessions(session: Session, user_id: str, besides: str | None = None) -> None:
    """Sign a user out of every browser, ``besides`` the session of this id."""
    kinds = ("browser", "link")
    matching = delete(TokenRow).where(TokenRow.user_id == user_id, TokenRow.kind.in_(kinds))
    session.execute(matching.where(TokenRow.id != (besides or "")))


def forget_expired(session: Session) -> None:
    """Delete the records of tokens which have expired."""
    session.execute(delete(TokenRow).where(TokenRow.expires <= now(session)))


def digest(text: str) -> str:
    """SHA-256 of a token's text, as kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def _sign_in(session: Session, row: TokenRow, user: UserRow) -> SignIn | None:
    if user.disabled or _expired(row, now(session)):
        return None
    return SignIn(copied(User, user), copied(Token, row))


def _expired(row: TokenRow, moment: datetime) -> bool:
    return row.expires is not None and row.expires <= moment
