"""Users: their names, roles, passwords and limits."""

from __future__ import annotations

import re
from itertools import chain, count
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.people_records import User, UserRole
from subtomo_store.database.people_tables import UserRow
from subtomo_store.database.records import copied
from subtomo_store.database.upserts import added
from subtomo_store.errors import ConflictError, NotFoundError
from subtomo_store.people.access import end_sessions

NAME = re.compile(r"(?!user_)[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
CHANGEABLE = frozenset(
    {"role", "disabled", "oidc_subject", "disk_quota_bytes", "running_jobs", "highest_priority"}
)


class Secret(NamedTuple):
    """A user, and the hash of the password if there is one."""

    user: User
    password_hash: str | None


def ensure(session: Session, name: str, role: UserRole = "user") -> User:
    """Return the user of this name; makes one, with ``role``, at the first time."""
    named = select(UserRow).where(UserRow.name == name)
    row = session.scalar(named)
    if row is not None:
        return _record(row)
    _added(session, name, role)
    return _record(session.scalars(named).one())


def create(
    session: Session, name: str, role: UserRole = "user", oidc_subject: str | None = None
) -> User:
    """Make a user.

    Raises
    ------
    InputError
        If the name cannot be used.
    ConflictError
        If there is a user of this name, or for this ``oidc_subject``.
    """
    if not NAME.fullmatch(name):
        told = (
            f"'{name[:120]}' cannot name a user: use up to 100 letters, digits and '.', '_', '@', "
            "'+', '-'"
        )
        raise InputError(Problem(told, pointer="/name"))
    if taken(session, name) or not _added(session, name, role, oidc_subject):
        raise ConflictError(f"there is a user {name} already: choose another name")
    return find(session, name)


def taken(session: Session, name: str) -> bool:
    """Whether there is a user of this name, in capitals or not."""
    query = select(UserRow.id).where(func.lower(UserRow.name) == name.lower())
    return session.scalar(query) is not None


def free_name(session: Session, wanted: str) -> str:
    """Make a name that nobody has out of ``wanted``: ``ada``, or ``ada-2``."""
    stem = re.sub(r"[^A-Za-z0-9._@+-]+", "-", wanted).strip("._@+-")[:90]
    stem = stem if NAME.fullmatch(stem) else "user"
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if not taken(session, name))


def get(session: Session, user_id: str) -> User:
    """Return the user of this id.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    row = session.get(UserRow, user_id)
    if row is None:
        raise NotFoundError(f"there is no user {user_id}")
    return _record(row)


def find(session: Session, user: str) -> User:
    """Return the user of this name or id; raises as `get` does."""
    return _record(_row(session, user))


def of_subject(session: Session, subject: str) -> User | None:
    """User whom an identity provider knows as ``subject``."""
    row = session.scalar(select(UserRow).where(UserRow.oidc_subject == subject))
    return None if row is None else _record(row)


def page(session: Session) -> list[User]:
    """All users, by name."""
    return [_record(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]


def secret(session: Session, name: str) -> Secret | None:
    """User of a name with the password's hash, for signing in; None for nobody."""
    row = session.scalar(select(UserRow).where(UserRow.name == name))
    return None if row is None else Secret(_record(row), row.password_hash)


def set_password(
    session: Session, user_id: str, password_hash: str, besides: str | None = None
) -> None:
    """Keep the hash of a new password, and end the user's sessions ``besides`` this one."""
    session.get_one(UserRow, user_id).password_hash = password_hash
    end_sessions(session, user_id, besides)
    session.flush()


def change(session: Session, user: str, **values: Any) -> User:
    """Change the role, the limits (None: as the settings say) or whether the user may sign in.

    Raises
    ------
    NotFoundError
        If there is no such user.
    ConflictError
        If no administrator would be left, or somebody else has this ``oidc_subject``.
    """
    row = _row(session, user)
    unknown = set(values) - CHANGEABLE
    if unknown:
        raise TypeError(f"a user has no {', '.join(sorted(unknown))}")
    ends = values.get("disabled") is True or values.get("role") == "user"
    if ends and row.role == "admin" and not row.disabled and _admins(session) == 1:
        raise ConflictError(
            f"{row.name} is the only administrator: make somebody else one before this"
        )
    subject = values.get("oidc_subject")
    other = of_subject(session, subject) if subject else None
    if other is not None and other.id != row.id:
        raise ConflictError(f"the identity {subject} is already that of {other.name}")
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return _record(row)


def _admins(session: Session) -> int:
    query = select(func.count()).where(UserRow.role == "admin", UserRow.disabled.is_(False))
    return session.scalar(query) or 0


def _added(session: Session, name: str, role: UserRole, oidc_subject: str | None = None) -> bool:
    known = {"id": new_id("user"), "oidc_subject": oidc_subject, "created": now(session)}
    return added(session, UserRow, name=name, role=role, **known)


def _row(session: Session, user: str) -> UserRow:
    row = session.scalar(select(UserRow).where(or_(UserRow.name == user, UserRow.id == user)))
    if row is None:
        raise NotFoundError(f"there is no user {user}")
    return row


def _record(row: UserRow) -> User:
    return copied(User, row)
