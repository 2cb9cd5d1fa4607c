"""The administrators' pages: who may use the service, and what each of them may take."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_core.errors import InputError, Problem, SubtomoError
from subtomo_server.auth.newcomers import newcomer
from subtomo_server.deps.dependencies import NeedAdmin, NeedStore
from subtomo_server.http.problems import kind_of
from subtomo_server.http.words import read_number, read_size
from subtomo_server.pages.fields import fields_of
from subtomo_server.pages.rendering import render
from subtomo_store.config.settings import Settings
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import Limits, User, UserRole
from subtomo_store.people import groups, passwords, users
from subtomo_store.people.limits import MOST_RUNNING, limits_of
from subtomo_store.people.usage import Usage, usage_of

EMPTY = {"name": "", "role": "user"}
router = APIRouter(prefix="/users", include_in_schema=False)


class Person(NamedTuple):
    """A user, what they may take, and what they have."""

    user: User
    limits: Limits
    usage: Usage


@router.get("")
def everybody(store: NeedStore, _admin: NeedAdmin, request: Request) -> Response:
    """List all users, with the form for a new one."""
    return _everybody(store, request)


@router.post("")
async def create(store: NeedStore, _admin: NeedAdmin, request: Request) -> Response:
    """Make a user, and show a token to sign in with this once."""
    fields = await fields_of(request)
    return await run_in_threadpool(_create, store, request, fields)


@router.get("/{user}")
def one(store: NeedStore, _admin: NeedAdmin, request: Request, user: str) -> Response:
    """Show a user, with the form to change what may be changed."""
    return _one(store, request, user)


@router.post("/{user}")
async def change(store: NeedStore, _admin: NeedAdmin, request: Request, user: str) -> Response:
    """Change a user's role, limits or password, or whether they may sign in."""
    fields = await fields_of(request)
    return await run_in_threadpool(_change, store, request, user, fields)


def _everybody(
    store: Store,
    request: Request,
    status: int = 200,
    *,
    entered: dict[str, str] = EMPTY,
    **shown: Any,
) -> Response:
    with store.read() as session:
        found = [_person(session, user, store.settings) for user in users.page(session)]
    told = {"made": None, "problem": "", "entered": EMPTY | entered, **shown}
    return render(request, "users.html", status, people=found, most=MOST_RUNNING, **told)


def _one(
    store: Store, request: Request, user: str, status: int = 200, problem: str = ""
) -> Response:
    with store.read() as session:
        person = _person(session, users.find(session, user), store.settings)
        member = groups.memberships(session, person.user.id)
    values = {"person": person, "member": member, "usual": store.settings, "most": MOST_RUNNING}
    return render(request, "user.html", status, problem=problem, **values)


def _person(session: Session, user: User, settings: Settings) -> Person:
    limits = limits_of(session, user.id, settings)
    return Person(user, limits, usage_of(session, user.id, settings))


def _create(store: Store, request: Request, fields: dict[str, str]) -> Response:
    try:
        password = fields.get("password")
        made_hash = passwords.hashed(password) if password else None
        with store.begin() as session:
            name, role = fields.get("name", "").strip(), _role(fields)
            user, text = newcomer(session, name, role, made_hash)
    except SubtomoError as error:
        status = kind_of(error).status
        return _everybody(store, request, status, problem=str(error), entered=fields)
    return _everybody(store, request, made=(user.name, text))


def _change(store: Store, request: Request, user: str, fields: dict[str, str]) -> Response:
    try:
        password = fields.get("password")
        made_hash = passwords.hashed(password) if password else None
        with store.begin() as session:
            changed = users.change(session, user, **_values(fields))
            if made_hash is not None:
                users.set_password(session, changed.id, made_hash)
    except SubtomoError as error:
        return _one(store, request, user, kind_of(error).status, str(error))
    return RedirectResponse("/users", status_code=303)


def _values(fields: dict[str, str]) -> dict[str, Any]:
    """Read the form; limits which are left empty follow the settings."""
    disk = fields.get("disk", "").strip()
    running = fields.get("running_jobs", "").strip()
    priority = fields.get("highest_priority", "").strip()
    return {
        "role": _role(fields),
        "disabled": "disabled" in fields,
        "disk_quota_bytes": read_size(disk) if disk else None,
        "running_jobs": read_number(running, MOST_RUNNING) if running else None,
        "highest_priority": read_number(priority, 100) if priority else None,
    }


def _role(fields: dict[str, str]) -> UserRole:
    role = fields.get("role", "user")
    if role not in ("user", "admin"):
        raise InputError(Problem("a role is user or admin"))
    return role  # type: ignore[return-value]
