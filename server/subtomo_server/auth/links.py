"""Links which sign a browser in: each serves once, and not for long."""

from __future__ import annotations

from subtomo_server.auth.accounts import SESSION_SECONDS, sign_in_of
from subtomo_server.http.errors import NotSignedInError
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.people import access

LINK_SECONDS = 15 * 60.0


def link_for(store: Store, user: User, url: str, since: str | None = None) -> str:
    """Link to the service at ``url`` which signs ``user`` in.

    The session which it opens ends with the token ``since``, if that is given.
    """
    opener = sign_in_of(store, since) if since else None
    with store.begin() as session:
        access.forget_expired(session)
        text = access.create_link(
            session, user.id, LINK_SECONDS, None if opener is None else opener.token
        )
    return f"{url}/login?link={text}"


def session_by_link(store: Store, text: str) -> str:
    """Sign a browser in by a link, which is used up by it; the text of the session.

    Raises
    ------
    NotSignedInError
        If the link was used before, is too old or never was one.
    """
    with store.begin() as session:
        opened = access.use_link(session, text, SESSION_SECONDS)
    if opened is None:
        raise NotSignedInError(
            "This link has been used already, or is older than 15 minutes. Get a new one with "
            "'subtomo admin link', on the machine where the service runs."
        )
    return opened
