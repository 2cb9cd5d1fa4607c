"""Groups: who shares what."""

from __future__ import annotations

from fastapi import APIRouter

from subtomo_server.auth.schemas import (
    GroupDocument,
    GroupList,
    MemberDocument,
    MemberList,
    NewGroup,
    NewRole,
)
from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_store.people import groups

router = APIRouter(prefix="/groups", tags=["people"])


@router.get("", summary="My groups")
def list_all(store: NeedStore, user: NeedUser) -> GroupList:
    """Groups in which you have a role; all of them for an administrator."""
    with store.read() as session:
        found = groups.page(session, user.id)
    return GroupList(items=[GroupDocument.model_validate(group) for group in found])


@router.post("", status_code=201, summary="Make a group")
def create(store: NeedStore, user: NeedUser, new: NewGroup) -> GroupDocument:
    """Make a group, of which you are the first owner."""
    with store.begin() as session:
        return GroupDocument.model_validate(groups.create(session, new.name, user.id))


@router.get("/{group}", summary="One group")
def get(store: NeedStore, user: NeedUser, group: str) -> GroupDocument:
    """Find a group by its name or id."""
    with store.read() as session:
        return GroupDocument.model_validate(groups.get(session, user.id, group))


@router.delete("/{group}", status_code=204, summary="Delete a group")
def delete(store: NeedStore, user: NeedUser, group: str) -> None:
    """Delete a group; what belonged to it goes back to its makers. Nothing else is deleted."""
    with store.begin() as session:
        groups.remove(session, user.id, group)


@router.get("/{group}/members", summary="Members of a group")
def members(store: NeedStore, user: NeedUser, group: str) -> MemberList:
    """Everybody in the group, with their roles."""
    with store.read() as session:
        found = groups.members(session, user.id, group)
    return MemberList(items=[MemberDocument.model_validate(member) for member in found])


@router.put("/{group}/members/{member}", summary="Take somebody into a group")
def set_member(
    store: NeedStore, user: NeedUser, group: str, member: str, new: NewRole
) -> MemberDocument:
    """Give a user, by name or id, a role in the group; for owners."""
    with store.begin() as session:
        made = groups.set_member(session, user.id, group, member, new.role)
    return MemberDocument.model_validate(made)


@router.delete("/{group}/members/{member}", status_code=204, summary="Take somebody out")
def remove_member(store: NeedStore, user: NeedUser, group: str, member: str) -> None:
    """End somebody's membership; for owners, and for everybody their own."""
    with store.begin() as session:
        groups.remove_member(session, user.id, group, member)
