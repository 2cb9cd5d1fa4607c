"""A user who is made by an administrator, by the command or on the page."""

from __future__ import annotations

from sqlalchemy.orm import Session

from subtomo_store.database.people_records import User, UserRole
from subtomo_store.people import access, users

NEW_TOKEN_DAYS = 30


def newcomer(
    session: Session, name: str, role: UserRole, password_hash: str | None = None
) -> tuple[User, str]:
    """Make a user, and the text of a token to sign in with; it is valid for 30 days.

    Raises
    ------
    InputError, ConflictError
        As `users.create` does.
    """
    user = users.create(session, name, role)
    if password_hash is not None:
        users.set_password(session, user.id, password_hash)
    expires = access.expiry(session, NEW_TOKEN_DAYS)
    _, text = access.create_token(session, user.id, "to sign in first", expires)
    return user, text
