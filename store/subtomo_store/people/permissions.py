"""Permissions on datasets, jobs and maps; the only module that decides them.

Whoever made a record owns it for ever, and an administrator may do everything. A record that
belongs to a group can be read by its viewers, worked with by its editors, and deleted or moved
by its owners. A record which one may not read does not exist for one.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_store.database.people_records import Role
from subtomo_store.database.people_tables import GroupRow, MemberRow, UserRow
from subtomo_store.database.tables import DatasetRow, JobRow, MapRow
from subtomo_store.errors import NotAllowedError, NotFoundError

RANK: dict[Role, int] = {"viewer": 1, "editor": 2, "owner": 3}


class OwnedRecord(Protocol):
    """What has a maker and may belong to a group, a row as well as a record."""

    @property
    def user_id(self) -> Any:
        """Id of the user who made it."""

    @property
    def group_id(self) -> Any:
        """Id of its group, or None."""


T = TypeVar("T", bound=OwnedRecord)


def permitted(
    session: Session, record: T | None, named: str, user_id: str | None, need: Role = "viewer"
) -> T:
    """Give the record back if the user has the role ``need`` over it.

    Parameters
    ----------
    session : Session
        For the user's role.
    record : row or record
        What is asked for; None where nothing was found.
    named : str
        Kind and id, for the sentence: ``dataset ds_1``.
    user_id : str or None
        Who asks; None is the service itself, which may do everything.
    need : Role
        The least role.

    Raises
    ------
    NotFoundError
        If there is none, or it may not be read by this user.
    NotAllowedError
        If it may be read but no more than that.
    """
    if record is not None and user_id is None:
        return record
    role = None if record is None else role_over(session, record, str(user_id))
    if record is None or role is None:
        raise NotFoundError(f"there is no {named}")
    if RANK[role] < RANK[need]:
        group = session.get_one(GroupRow, record.group_id).name
        raise NotAllowedError(
            f"this needs the role {need} over the {named}, and in the group {group} you are "
            f"{role}: ask one of its owners"
        )
    return record


def role_over(session: Session, record: OwnedRecord, user_id: str) -> Role | None:
    """Role of a user over a record; None without any."""
    if record.user_id == user_id or is_admin(session, user_id):
        return "owner"
    return role_in(session, record.group_id, user_id) if record.group_id else None


def role_in(session: Session, group_id: str, user_id: str) -> Role | None:
    """Role of a user in a group; administrators own every group."""
    if is_admin(session, user_id):
        return "owner"
    row = session.get(MemberRow, (group_id, user_id))
    return None if row is None else row.role  # type: ignore[return-value]


def is_admin(session: Session, user_id: str) -> bool:
    """Whether the user is an administrator."""
    row = session.get(UserRow, user_id)
    return row is not None and row.role == "admin"


def readable(
    session: Session, table: type[DatasetRow | JobRow | MapRow], user_id: str
) -> ColumnElement[bool]:
    """Condition of the rows that a user may read, for lists."""
    if is_admin(session, user_id):
        return true()
    groups = select(MemberRow.group_id).where(MemberRow.user_id == user_id)
    return or_(table.user_id == user_id, table.group_id.in_(groups))


def find_group(
    session: Session, user_id: str | None, group: str, need: Role = "viewer"
) -> GroupRow:
    """Find a group by its name or id, for somebody who has the role ``need`` in it.

    Raises
    ------
    NotFoundError, NotAllowedError
        As `permitted` does.
    """
    row = session.scalar(select(GroupRow).where(or_(GroupRow.name == group, GroupRow.id == group)))
    role = role_in(session, row.id, user_id) if row is not None and user_id else None
    if row is None or (user_id is not None and role is None):
        raise NotFoundError(f"there is no group {group}")
    if role is not None and RANK[role] < RANK[need]:
        raise NotAllowedError(
            f"this needs the role {need} in the group {row.name}, and you are {role}: "
            "ask one of its owners"
        )
    return row


def placed(session: Session, user_id: str, group: str | None) -> str | None:
    """Id of the group into which a user puts something; an editor or owner of it may.

    Raises
    ------
    InputError
        If there is no such group.
    NotAllowedError
        If the user may only look at what the group has.
    """
    if group is None:
        return None
    try:
        return find_group(session, user_id, group, "editor").id
    except NotFoundError as error:
        told = f"{error}: name a group in which you are editor or owner"
        raise InputError(Problem(told, pointer="/group")) from error
