"""Users and their tokens. Only the SHA-256 of a token is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from subtomo_store.database import now
from subtomo_store.errors import NotFoundError
from subtomo_store.identity import new_id
from subtomo_store.records import Token, User, UserRole, copied
from subtomo_store.tables import TokenRow, UserRow

USED_RESOLUTION = timedelta(minutes=1)


def ensure_user(session: Session, name: str, role: UserRole = "user") -> User:
    """Return the user of this name; makes one, with ``role``, at the first time."""
    row = session.scalar(select(UserRow).where(UserRow.name == name))
    if row is None:
        row = UserRow(id=new_id("user"), name=name, role=role, created=now(session))
        session.add(row)
        session.flush()
    return _user(row)


def get_user(session: Session, user_id: str) -> User:
    """Return the user of this id.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    row = session.get(UserRow, user_id)
    if row is None:
        raise NotFoundError(f"there is no user {user_id}")
    return _user(row)


def create_token(
    session: Session, user_id: str, label: str, expires: datetime | None = None
) -> tuple[Token, str]:
    """Make a token; its text is returned once, here, and never again."""
    text = f"subtomo_{secrets.token_urlsafe(32)}"
    return add_token(session, user_id, label, text, expires), text


def add_token(
    session: Session, user_id: str, label: str, text: str, expires: datetime | None = None
) -> Token:
    """Accept ``text`` as a token of the user (one kept elsewhere, as the embedded form's)."""
    row = session.scalar(select(TokenRow).where(TokenRow.sha256 == digest(text)))
    if row is None:
        row = TokenRow(
            id=new_id("tok"),
            user_id=user_id,
            sha256=digest(text),
            label=label,
            created=now(session),
            expires=expires,
            last_used=None,
        )
        session.add(row)
        session.flush()
    return _token(row)


def authenticate(session: Session, text: str) -> User | None:
    """User of a token, or None when it is unknown or has expired. Only reads."""
    row = session.scalar(select(TokenRow).where(TokenRow.sha256 == digest(text)))
    moment = now(session)
    if row is None or (row.expires is not None and row.expires <= moment):
        return None
    return get_user(session, row.user_id)


def note_use(session: Session, text: str) -> None:
    """Write down that a token was used; at most once a minute, so that reading stays cheap."""
    row = session.scalar(select(TokenRow).where(TokenRow.sha256 == digest(text)))
    moment = now(session)
    if row is not None and (row.last_used is None or moment - row.last_used > USED_RESOLUTION):
        row.last_used = moment


def tokens(session: Session, user_id: str) -> list[Token]:
    """Tokens of a user, oldest first."""
    query = select(TokenRow).where(TokenRow.user_id == user_id).order_by(TokenRow.created)
    return [_token(row) for row in session.scalars(query)]


def revoke(session: Session, user_id: str, token_id: str) -> None:
    """Forget a token.

    Raises
    ------
    NotFoundError
        If the user has no such token.
    """
    matching = delete(TokenRow).where(TokenRow.id == token_id, TokenRow.user_id == user_id)
    if session.execute(matching.returning(TokenRow.id)).first() is None:
        raise NotFoundError(f"there is no token {token_id}")


def digest(text: str) -> str:
    """SHA-256 of a token's text, as kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def _user(row: UserRow) -> User:
    return copied(User, row)


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        user_id=row.user_id,
        label=row.label,
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
    )
