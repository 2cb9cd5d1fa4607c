"""Users, their tokens and what they may take, as the repositories hand them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

UserRole = Literal["user", "admin"]
Role = Literal["viewer", "editor", "owner"]
Scope = Literal["read", "write", "admin"]
TokenKind = Literal["api", "browser", "link"]


@dataclass(frozen=True)
class User:
    """Somebody who may use the service; of limits which are None the settings tell."""

    id: str
    name: str
    created: datetime
    role: UserRole
    disabled: bool
    oidc_subject: str | None
    disk_quota_bytes: int | None
    running_jobs: int | None
    highest_priority: int | None

    @property
    def admin(self) -> bool:
        """Whether this is an administrator."""
        return self.role == "admin"


class Limits(NamedTuple):
    """What a user may take; ``disk_quota_bytes`` None means as much as there is."""

    disk_quota_bytes: int | None
    running_jobs: int
    highest_priority: int


@dataclass(frozen=True)
class Token:
    """A key of a user; the key itself is never kept, only its SHA-256.

    ``read`` looks, ``write`` also works with datasets and jobs, ``admin`` also changes the account
    and, for administrators, those of others. A ``browser``'s key is a signed-in session, that of
    a ``link`` opens one, once.
    """

    id: str
    user_id: str
    kind: TokenKind
    scope: Scope
    label: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
