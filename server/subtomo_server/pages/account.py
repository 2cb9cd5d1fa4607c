"""The page of the own account: tokens, password, groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_core.errors import InputError, Problem, SubtomoError
from subtomo_server.auth.own_account import make_token, new_password
from subtomo_server.deps.dependencies import NeedSignIn, NeedStore
from subtomo_server.http.problems import kind_of
from subtomo_server.pages.fields import fields_of
from subtomo_server.pages.rendering import render
from subtomo_store.database.engine import Store
from subtomo_store.people import access, groups, users
from subtomo_store.people.access import SignIn
from subtomo_store.people.limits import limits_of
from subtomo_store.people.permissions import role_in
from subtomo_store.people.usage import usage_of

router = APIRouter(prefix="/account", include_in_schema=False)
SCOPES = ("read", "write", "admin")
ROLES = ("viewer", "editor", "owner")


@router.get("")
def account(store: NeedStore, sign_in: NeedSignIn, request: Request) -> Response:
    """Show tokens, the form for a password, and groups."""
    return _page(store, sign_in, request)


@router.post("/tokens")
async def create_token(store: NeedStore, sign_in: NeedSignIn, request: Request) -> Response:
    """Make a token, and show it this once."""

    def make(fields: dict[str, str]) -> dict[str, Any]:
        if fields.get("scope") not in SCOPES:
            raise InputError(Problem("choose what the token may do: read, write or admin"))
        days = int(fields["days"]) if fields.get("days", "").isdecimal() else None
        label = fields.get("label", "")[:200] or "made on the page"
        _, text = make_token(store, sign_in.user.id, label, fields["scope"], days)  # type: ignore[arg-type]
        return {"made": text}

    return await _do(store, sign_in, request, make)


@router.post("/tokens/{token_id}/revoke")
async def revoke_token(
    store: NeedStore, sign_in: NeedSignIn, request: Request, token_id: str
) -> Response:
    """Revoke a token."""

    def revoke(_fields: dict[str, str]) -> None:
        with store.begin() as session:
            access.revoke(session, sign_in.user.id, token_id)

    return await _do(store, sign_in, request, revoke)


@router.post("/password")
async def change_password(store: NeedStore, sign_in: NeedSignIn, request: Request) -> Response:
    """Set a new password."""

    def change(fields: dict[str, str]) -> dict[str, Any]:
        if fields.get("password") != fields.get("again"):
            raise InputError(Problem("the two new passwords differ: type the same one twice"))
        new_password(store, sign_in, fields.get("present"), fields.get("password", ""))
        return {"told": "The password is changed. Other browsers are signed out."}

    return await _do(store, sign_in, request, change)


@router.post("/groups")
async def create_group(store: NeedStore, sign_in: NeedSignIn, request: Request) -> Response:
    """Make a group."""

    def create(fields: dict[str, str]) -> None:
        with store.begin() as session:
            groups.create(session, fields.get("name", "").strip(), sign_in.user.id)

    return await _do(store, sign_in, request, create)


@router.post("/groups/{group}/members")
async def set_member(
    store: NeedStore, sign_in: NeedSignIn, request: Request, group: str
) -> Response:
    """Take somebody into a group, or change a role."""

    def change(fields: dict[str, str]) -> None:
        role = fields.get("role", "viewer")
        if role not in ROLES:
            raise InputError(Problem("a role is viewer, editor or owner"))
        with store.begin() as session:
            groups.set_member(
                session,
                sign_in.user.id,
                group,
                fields.get("user", "").strip(),
                role,  # type: ignore[arg-type]
            )

    return await _do(store, sign_in, request, change)


@router.post("/groups/{group}/members/{member}/remove")
async def remove_member(
    store: NeedStore, sign_in: NeedSignIn, request: Request, group: str, member: str
) -> Response:
    """Take somebody out of a group."""

    def remove(_fields: dict[str, str]) -> None:
        with store.begin() as session:
            groups.remove_member(session, sign_in.user.id, group, member)

    return await _do(store, sign_in, request, remove)


async def _do(
    store: Store,
    sign_in: SignIn,
    request: Request,
    change: Callable[[dict[str, str]], dict[str, Any] | None],
) -> Response:
    """Do what a form asks, and show the page: with what was made, or with what is wrong."""
    fields = await fields_of(request)
    try:
        shown = await run_in_threadpool(change, fields)
    except SubtomoError as error:
        status = kind_of(error).status
        return await run_in_threadpool(_page, store, sign_in, request, status, problem=str(error))
    if shown is None:
        return RedirectResponse("/account", status_code=303)
    return await run_in_threadpool(_page, store, sign_in, request, **shown)


def _page(
    store: Store, sign_in: SignIn, request: Request, status: int = 200, **shown: str
) -> Response:
    user = sign_in.user
    with store.read() as session:
        found = [
            (group, role_in(session, group.id, user.id), groups.members(session, user.id, group.id))
            for group in groups.page(session, user.id)
        ]
        kept = users.secret(session, user.name)
        values: dict[str, Any] = {
            "tokens": access.tokens(session, user.id),
            "limits": limits_of(session, user.id, store.settings),
            "usage": usage_of(session, user.id, store.settings),
        }
    told = {"made": "", "told": "", "problem": "", **shown}
    has_password = kept is not None and kept.password_hash is not None
    return render(
        request,
        "account.html",
        status,
        groups=found,
        has_password=has_password,
        present=sign_in.token.id,
        roles=ROLES,
        **values,
        **told,
    )
