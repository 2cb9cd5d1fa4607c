"""Calls about people: who I am, tokens, groups; and users, for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from pydantic import Field

from subtomo.calls import Calls, id_of
from subtomo.records import Dataset, Job, Map, Record

Shared = TypeVar("Shared", Dataset, Job, Map)
ROOMS: dict[type[Record], str] = {Dataset: "datasets", Job: "jobs", Map: "maps"}


class User(Record):
    """Somebody who may use the service; limits which are None follow its settings."""

    id: str
    name: str
    role: str = "user"
    disabled: bool = False
    disk_quota_bytes: int | None = None
    running_jobs: int | None = None
    highest_priority: int | None = None
    created: datetime | None = None


class Member(Record):
    """Somebody's role in a group: viewer, editor or owner."""

    group: str
    user: str
    role: str


class Group(Record):
    """People who share datasets, jobs and maps."""

    id: str
    name: str
    created: datetime | None = None


class Token(Record):
    """A key of yours. ``text`` is known only where it was just made."""

    id: str
    label: str = ""
    kind: str = "api"
    scope: str = ""
    text: str | None = Field(None, repr=False)
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None


class Me(Record):
    """Whose token this is, what it may do, and what its user may take and has."""

    user: User
    scope: str = ""
    scopes: tuple[str, ...] = ()
    limits: dict[str, int | None] = Field(default_factory=dict)
    usage: dict[str, int] = Field(default_factory=dict)
    groups: tuple[Member, ...] = ()


class PeopleCalls(Calls):
    """Account, tokens, groups and users."""

    def me(self) -> Me:
        """Tell who I am, what this token may do, my limits, what I use, and my groups."""
        return Me.model_validate(self._get("me"))

    def change_password(self, password: str, present: str | None = None) -> None:
        """Set a new password; the present one is asked for, if there is one."""
        self._put("me", "password", json={"present": present, "password": password})

    def tokens(self) -> list[Token]:
        """List my tokens and signed-in browsers, oldest first; never their texts."""
        return [Token.model_validate(entry) for entry in self._get("tokens")["items"]]

    def create_token(
        self, label: str, *, scope: str = "write", expires_days: int | None = 365
    ) -> Token:
        """Make a token. Its ``text`` is told here once.

        Parameters
        ----------
        label : str
            What it is for.
        scope : str
            ``read`` looks and downloads, ``write`` also works with datasets and jobs, ``admin``
            also changes the account.
        expires_days : int, optional
            Days until it expires; None means never.
        """
        body = {"label": label, "scope": scope, "expires_days": expires_days}
        return Token.model_validate(self._post("tokens", json=body))

    def revoke_token(self, token: str | Token) -> None:
        """Revoke a token at once; jobs which it started go on."""
        self._delete("tokens", id_of(token))

    def groups(self) -> list[Group]:
        """List my groups, by name."""
        return [Group.model_validate(entry) for entry in self._get("groups")["items"]]

    def create_group(self, name: str) -> Group:
        """Make a group, of which I am the first owner."""
        return Group.model_validate(self._post("groups", json={"name": name}))

    def delete_group(self, group: str | Group) -> None:
        """Delete a group; what belonged to it goes back to its makers."""
        self._delete("groups", id_of(group))

    def members(self, group: str | Group) -> list[Member]:
        """List everybody in a group."""
        entries = self._get("groups", id_of(group), "members")["items"]
        return [Member.model_validate(entry) for entry in entries]

    def set_member(self, group: str | Group, user: str | User, role: str) -> Member:
        """Take a user, by name or id, into a group, or change the role."""
        answer = self._put("groups", id_of(group), "members", id_of(user), json={"role": role})
        return Member.model_validate(answer)

    def remove_member(self, group: str | Group, user: str | User) -> None:
        """Take somebody out of a group, or leave it."""
        self._delete("groups", id_of(group), "members", id_of(user))

    def share(self, record: Shared, group: str | Group | None) -> Shared:
        """Hand a dataset, job or map to a group; with None it is its maker's alone again."""
        body = {"group": None if group is None else id_of(group)}
        answer = self._patch(ROOMS[type(record)], record.id, json=body)
        return type(record).model_validate(answer)

    def users(self) -> list[User]:
        """List everybody, by name; for administrators."""
        return [User.model_validate(entry) for entry in self._get("users")["items"]]

    def create_user(self, name: str, **fields: Any) -> User:
        """Make a user; for administrators. ``fields``: role, password, limits."""
        return User.model_validate(self._post("users", json={"name": name, **fields}))

    def change_user(self, user: str | User, **fields: Any) -> User:
        """Change role, password, limits or ``disabled``; for administrators."""
        return User.model_validate(self._patch("users", id_of(user), json=fields))
