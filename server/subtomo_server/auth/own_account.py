"""What a person changes of the own account, by the API or on the page."""

from __future__ import annotations

from subtomo_core.errors import InputError, Problem
from subtomo_server.http.errors import TooManyAttemptsError
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import Scope, Token
from subtomo_store.people import access, passwords, throttle, users
from subtomo_store.people.access import SignIn


def new_password(store: Store, sign_in: SignIn, present: str | None, password: str) -> None:
    """Set a password; the present one is asked for, if there is one.

    Raises
    ------
    InputError
        If the present one is wrong, or the new one too short.
    TooManyAttemptsError
        If the present one was wrong too often.
    """
    user, token = sign_in
    with store.begin() as session:
        wait = throttle.attempt(session, user.name)
        found = users.secret(session, user.name)
    if wait:
        raise TooManyAttemptsError(wait)
    kept = found.password_hash if found else None
    if kept is not None and not passwords.matches(kept, present or ""):
        raise InputError(Problem("the present password is another one", pointer="/present"))
    made = passwords.hashed(password)
    with store.begin() as session:
        throttle.note_success(session, user.name)
        users.set_password(session, user.id, made, besides=token.id)


def make_token(
    store: Store, user_id: str, label: str, scope: Scope, days: int | None
) -> tuple[Token, str]:
    """Make a token, with its text."""
    with store.begin() as session:
        expires = access.expiry(session, days)
        return access.create_token(session, user_id, label, expires, scope=scope)
