"""Who sends a request. The database keeps the SHA-256 of a token only."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from subtomo_server.auth.oidc import Identity
from subtomo_server.http.errors import NotSignedInError, SignInRefusedError, TooManyAttemptsError
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import Scope, Token, TokenKind, UserRole
from subtomo_store.errors import ConflictError, StoreError
from subtomo_store.people import access, passwords, throttle, users
from subtomo_store.people.access import SignIn

SESSION_SECONDS = 30 * 24 * 3600.0


def sign_in_of(store: Store, text: str, kind: TokenKind = "api") -> SignIn | None:
    """User and record of a token, or None.

    Tokens are compared through the index of their SHA-256: how long the search takes says
    nothing of the token, since nobody can choose the digest of a guess.
    """
    with store.read() as session:
        return access.authenticate(session, text, kind)


def note_use(store: Store, token: Token) -> None:
    """Write down that a token was used; a full disk is no reason to refuse."""
    try:
        with store.begin() as session:
            access.note_use(session, token.id)
    except (SQLAlchemyError, StoreError) as error:
        structlog.get_logger("subtomo_server").warning(
            "use of a token not noted", reason=str(error)
        )


def issue_token(
    store: Store, name: str, *, label: str, role: UserRole = "user", scope: Scope = "admin"
) -> str:
    """Make a token for the user ``name``, who is made with ``role`` at the first time."""
    with store.begin() as session:
        user = users.ensure(session, name, role)
        return access.create_token(session, user.id, label, scope=scope)[1]


def session_by_password(store: Store, name: str, password: str, address: str) -> str:
    """Sign a browser in by name and password; the text of its session.

    Takes the same time for a name which nobody has.

    Raises
    ------
    NotSignedInError
        If they do not belong together, or the user is disabled.
    TooManyAttemptsError
        If too many attempts of this name, or from this address, have failed.
    """
    with store.begin() as session:
        wait = throttle.attempt(session, name, address)
        found = users.secret(session, name)
    if wait:
        raise TooManyAttemptsError(wait)
    kept = found.password_hash if found else None
    right = passwords.matches(kept, password)
    if not (right and kept and found and not found.user.disabled):
        raise NotSignedInError("This name and password do not belong together.")
    renewed = passwords.hashed(password) if passwords.outdated(kept) else None
    with store.begin() as session:
        throttle.note_success(session, name, address)
        if renewed is not None:
            users.set_password(session, found.user.id, renewed)
        access.forget_expired(session)
        return access.open_session(session, found.user.id, SESSION_SECONDS)[1]


def session_by_token(store: Store, text: str) -> str:
    """Sign a browser in by an API token; the text of its session.

    Raises
    ------
    NotSignedInError
        If the token is not valid.
    """
    found = sign_in_of(store, text)
    if found is None:
        raise NotSignedInError("This token is not valid, or no longer.")
    with store.begin() as session:
        access.forget_expired(session)
        return access.open_session(session, found.user.id, SESSION_SECONDS, found.token)[1]


def session_of_identity(store: Store, identity: Identity) -> str:
    """Sign in whom an identity provider vouches for; the text of the session.

    Somebody who is new becomes a user if the settings allow it, under a name which nobody has:
    a like name is no proof that it is the same person.

    Raises
    ------
    SignInRefusedError
        If nobody here is known to the provider by this identity, or the user is disabled.
    """
    with store.begin() as session:
        user = users.of_subject(session, identity.subject)
        while user is None and store.settings.oidc_new_users:
            name = users.free_name(session, identity.name)
            try:
                user = users.create(session, name, oidc_subject=identity.subject)
            except ConflictError:  # another server was quicker, with this person or this name
                user = users.of_subject(session, identity.subject)
        if user is None:
            raise SignInRefusedError(
                f"Nobody here is known to the identity provider as '{identity.name}': ask the "
                f"keeper of this service to make a user for the identity '{identity.subject}'."
            )
        if user.disabled:
            raise SignInRefusedError("This user may not sign in: ask the keeper of this service.")
        return access.open_session(session, user.id, SESSION_SECONDS)[1]


def check_still_valid(session: Session, sign_in: SignIn) -> None:
    """Say whether a request which waits is still allowed to.

    Raises
    ------
    NotSignedInError
        If its token was revoked or has expired meanwhile.
    """
    if not access.still_valid(session, sign_in.token.id):
        raise NotSignedInError("This token is not valid any longer: ask for a new one.")
