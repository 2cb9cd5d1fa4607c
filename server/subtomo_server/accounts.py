"""Who sends a request. The database keeps the SHA-256 of a token only."""

from __future__ import annotations

from subtomo_store import access
from subtomo_store.database import Store
from subtomo_store.records import User


def user_of(store: Store, token: str) -> User | None:
    """User of a token, or None.

    Tokens are compared through the index of their SHA-256: how long the search takes says
    nothing of the token, since nobody can choose the digest of a guess.
    """
    with store.read() as session:
        return access.authenticate(session, token)


def issue_token(store: Store, name: str, *, label: str) -> str:
    """Make a token for the user ``name``, who is made at the first time."""
    with store.begin() as session:
        user = access.ensure_user(session, name)
        return access.create_token(session, user.id, label)[1]
