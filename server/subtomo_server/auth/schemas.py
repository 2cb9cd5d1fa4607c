"""Users, tokens and groups as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr

from subtomo_core.spec.strict import Strict
from subtomo_server.http.documents import Document, Name
from subtomo_store.database.people_records import Role, Scope, UserRole
from subtomo_store.people.limits import MOST_RUNNING

Quota = Annotated[int | None, Field(ge=0, description="Bytes; null: as the settings say.")]
Running = Annotated[
    int | None, Field(ge=0, le=MOST_RUNNING, description="null: as the settings say.")
]
Priority = Annotated[int | None, Field(ge=0, le=100, description="null: as the settings say.")]
Days = Annotated[
    int | None, Field(description="Days until it expires, 1 to 3650; null: it does not.")
]


class UserDocument(Document):
    """Somebody who may use the service; limits which are null follow the settings."""

    id: str
    name: str
    role: UserRole
    disabled: bool
    oidc_subject: str | None
    disk_quota_bytes: int | None
    running_jobs: int | None
    highest_priority: int | None
    created: datetime


class UserList(Document):
    """All users, by name."""

    items: list[UserDocument]


class NewUser(Strict):
    """A user to be made; without a password by token or identity provider only."""

    name: str
    role: UserRole = "user"
    password: SecretStr | None = None
    disk_quota_bytes: Quota = None
    running_jobs: Running = None
    highest_priority: Priority = None


class UserChanges(Strict):
    """What an administrator may change; fields which are left out stay."""

    role: UserRole = "user"
    disabled: bool = False
    password: SecretStr = SecretStr("")
    oidc_subject: Annotated[str | None, Field(max_length=500)] = None
    disk_quota_bytes: Quota = None
    running_jobs: Running = None
    highest_priority: Priority = None


class LimitsDocument(Document):
    """What a user may take; ``disk_quota_bytes`` null means as much as there is."""

    disk_quota_bytes: int | None
    running_jobs: int
    highest_priority: int


class UsageDocument(Document):
    """What a user has at present."""

    datasets: int
    jobs: int
    running_jobs: int
    disk_bytes: int


class MemberDocument(Document):
    """Somebody's role in a group."""

    group: str
    user: str
    role: Role


class Me(Document):
    """Who sends this request, by which token, and what they may take."""

    user: UserDocument
    token: str
    scope: Scope
    scopes: list[Scope]
    limits: LimitsDocument
    usage: UsageDocument
    groups: list[MemberDocument]


class NewPassword(Strict):
    """A new password; the present one too, if there is one."""

    present: SecretStr | None = None
    password: SecretStr


class TokenDocument(Document):
    """A key of yours; its text was shown when it was made. ``browser``: a signed-in session."""

    id: str
    kind: str
    scope: Scope
    label: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None


class MadeToken(TokenDocument):
    """A new token with its text, which is told only here."""

    text: str


class TokenList(Document):
    """Your tokens and sessions, oldest first."""

    items: list[TokenDocument]


class NewToken(Strict):
    """A token to be made."""

    label: Name
    scope: Scope = "write"
    expires_days: Days = 365


class GroupDocument(Document):
    """People who share datasets, jobs and maps."""

    id: str
    name: str
    created: datetime


class GroupList(Document):
    """Your groups, by name."""

    items: list[GroupDocument]


class NewGroup(Strict):
    """A group to be made; you become its owner."""

    name: str


class MemberList(Document):
    """Members of a group, by name."""

    items: list[MemberDocument]


class NewRole(Strict):
    """A member's role: ``viewer`` reads, ``editor`` works, ``owner`` also deletes and manages."""

    role: Role
