"""Groups and their members."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.people_records import Role
from subtomo_store.database.people_tables import GroupRow, MemberRow, UserRow
from subtomo_store.database.records import copied
from subtomo_store.database.tables import DatasetRow, JobRow, MapRow
from subtomo_store.database.upserts import added, ensured
from subtomo_store.errors import ConflictError, NotFoundError
from subtomo_store.people import users
from subtomo_store.people.permissions import find_group, is_admin

NAME = re.compile(r"(?!grp_)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Group:
    """People who share datasets, jobs and maps."""

    id: str
    name: str
    created: datetime


@dataclass(frozen=True)
class Member:
    """Somebody's role in a group: ``viewer`` < ``editor`` < ``owner``."""

    group: str
    user_id: str
    user: str
    role: Role


def create(session: Session, name: str, owner_id: str) -> Group:
    """Make a group with its first owner.

    Raises
    ------
    InputError
        If the name cannot be used.
    ConflictError
        If there is a group of this name.
    """
    if not NAME.fullmatch(name):
        told = f"'{name[:80]}' cannot name a group: use up to 64 letters, digits, '.', '_' and '-'"
        raise InputError(Problem(told, pointer="/name"))
    group_id = new_id("grp")
    if not added(session, GroupRow, id=group_id, name=name, created=now(session)):
        raise ConflictError(f"there is a group {name} already: choose another name")
    session.add(MemberRow(group_id=group_id, user_id=owner_id, role="owner"))
    session.flush()
    return copied(Group, session.get_one(GroupRow, group_id))


def get(session: Session, user_id: str | None, group: str) -> Group:
    """One group by its name or id, for one of its members.

    Raises
    ------
    NotFoundError
        If there is none, or the user is no member.
    """
    return copied(Group, find_group(session, user_id, group))


def page(session: Session, user_id: str | None) -> list[Group]:
    """Groups of a user, by name; all of them for an administrator, or without a user."""
    query = select(GroupRow).order_by(GroupRow.name)
    if user_id is not None and not is_admin(session, user_id):
        query = query.join(MemberRow).where(MemberRow.user_id == user_id)
    return [copied(Group, row) for row in session.scalars(query)]


def memberships(session: Session, user_id: str) -> list[Member]:
    """Groups in which a user has a role, by name."""
    return _members(session, MemberRow.user_id == user_id)


def members(session: Session, user_id: str | None, group: str) -> list[Member]:
    """Members of a group, by name; any member may see them."""
    return _members(session, MemberRow.group_id == find_group(session, user_id, group).id)


def set_member(session: Session, by: str | None, group: str, user: str, role: Role) -> Member:
    """Take a user (by name or id) into a group, or change the role; an owner may.

    Raises
    ------
    NotFoundError, NotAllowedError
        If there is no such group or user, or ``by`` does not own the group.
    ConflictError
        If the group would be left without an owner.
    """
    row, found = find_group(session, by, group, "owner"), users.find(session, user)
    known = {"group_id": row.id, "user_id": found.id, "role": role}
    member = ensured(session, MemberRow, (row.id, found.id), lambda: known)
    if role != "owner":
        _expect_another_owner(session, row, member)
    member.role = role
    session.flush()
    return Member(row.name, found.id, found.name, role)


def remove_member(session: Session, by: str | None, group: str, user: str) -> None:
    """Take a user out of a group; an owner may, and everybody themselves.

    Raises
    ------
    NotFoundError, NotAllowedError, ConflictError
        As `set_member` does.
    """
    row = find_group(session, by, group)
    member = session.scalar(
        select(MemberRow)
        .join(UserRow)
        .where(MemberRow.group_id == row.id, or_(UserRow.name == user, UserRow.id == user))
    )
    if member is None or member.user_id != by:
        find_group(session, by, group, "owner")
    if member is None:
        raise NotFoundError(f"the group {row.name} has no member {user}")
    _expect_another_owner(session, row, member)
    session.delete(member)
    session.flush()


def remove(session: Session, by: str | None, group: str) -> None:
    """Delete a group; what belonged to it goes back to its makers.

    Raises
    ------
    NotFoundError, NotAllowedError
        If there is no such group, or ``by`` does not own it.
    """
    row = find_group(session, by, group, "owner")
    for table in (DatasetRow, JobRow, MapRow):
        session.execute(update(table).where(table.group_id == row.id).values(group_id=None))
    session.execute(delete(GroupRow).where(GroupRow.id == row.id))


def _members(session: Session, condition: object) -> list[Member]:
    query = (
        select(GroupRow.name, UserRow.id, UserRow.name, MemberRow.role)
        .join(MemberRow, MemberRow.group_id == GroupRow.id)
        .join(UserRow, UserRow.id == MemberRow.user_id)
        .where(condition)  # type: ignore[arg-type]
        .order_by(GroupRow.name, UserRow.name)
    )
    return [Member(*row) for row in session.execute(query)]  # type: ignore[arg-type]


def _expect_another_owner(session: Session, group: GroupRow, member: MemberRow) -> None:
    owners = select(func.count()).where(
        MemberRow.group_id == group.id,
        MemberRow.role == "owner",
        MemberRow.user_id != member.user_id,
    )
    if member.role == "owner" and not session.scalar(owners):
        raise ConflictError(
            f"the group {group.name} needs an owner: make another member its owner first"
        )
