"""Users, for administrators."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import SecretStr

from subtomo_server.auth.schemas import NewUser, UserChanges, UserDocument, UserList
from subtomo_server.deps.dependencies import NeedAdmin, NeedStore
from subtomo_store.people import passwords, users

router = APIRouter(prefix="/users", tags=["people"])


@router.get("", summary="All users")
def list_all(store: NeedStore, _admin: NeedAdmin) -> UserList:
    """Everybody who may use the service, or might, by name."""
    with store.read() as session:
        return UserList(items=[UserDocument.model_validate(user) for user in users.page(session)])


@router.post("", status_code=201, summary="Make a user")
def create(store: NeedStore, _admin: NeedAdmin, response: Response, new: NewUser) -> UserDocument:
    """Make a user, with a password or without one."""
    made_hash = _hash_of(new.password)
    limits = new.model_dump(include={"disk_quota_bytes", "running_jobs", "highest_priority"})
    with store.begin() as session:
        made = users.create(session, new.name, new.role)
        if made_hash is not None:
            users.set_password(session, made.id, made_hash)
        made = users.change(session, made.id, **limits)
    response.headers["Location"] = f"/api/v1/users/{made.id}"
    return UserDocument.model_validate(made)


@router.get("/{user}", summary="One user")
def get(store: NeedStore, _admin: NeedAdmin, user: str) -> UserDocument:
    """Find a user by name or id."""
    with store.read() as session:
        return UserDocument.model_validate(users.find(session, user))


@router.patch("/{user}", summary="Change a user")
def change(store: NeedStore, _admin: NeedAdmin, user: str, changes: UserChanges) -> UserDocument:
    """Change the role, password or limits; or disable a user, whose tokens then let nobody in."""
    given = changes.model_dump(exclude_unset=True, exclude={"password"})
    password = changes.password if "password" in changes.model_fields_set else None
    made_hash = _hash_of(password)
    with store.begin() as session:
        changed = users.change(session, user, **given)
        if made_hash is not None:
            users.set_password(session, changed.id, made_hash)
    return UserDocument.model_validate(changed)


def _hash_of(password: SecretStr | None) -> str | None:
    return None if password is None else passwords.hashed(password.get_secret_value())
