"""Signing a browser in by password or link, and out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_core.errors import SubtomoError
from subtomo_server.auth.accounts import session_by_password, session_by_token
from subtomo_server.auth.authentication import check_same_origin
from subtomo_server.auth.links import session_by_link
from subtomo_server.deps.dependencies import NeedSignIn, NeedStore
from subtomo_server.http.errors import NotSignedInError, TooManyAttemptsError
from subtomo_server.pages.fields import fields_of
from subtomo_server.pages.rendering import render
from subtomo_server.pages.sessions import forget, welcome
from subtomo_store.database.engine import Store
from subtomo_store.people import access

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def sign_in(
    store: NeedStore, request: Request, link: Annotated[str | None, Query()] = None
) -> Response:
    """Sign in by a link, which serves once, or show the ways to sign in."""
    if not link:
        return sign_in_page(store, request)
    try:
        return welcome(request, await run_in_threadpool(session_by_link, store, link))
    except NotSignedInError as error:
        return sign_in_page(store, request, error, 401)


@router.post("/login")
async def sign_in_by_form(store: NeedStore, request: Request) -> Response:
    """Sign in with the name and password, or the token, which was typed into the page."""
    check_same_origin(request.headers)
    fields = await fields_of(request)
    try:
        return welcome(request, await run_in_threadpool(_session, store, fields, _address(request)))
    except TooManyAttemptsError as error:
        response = sign_in_page(store, request, error, 429, fields.get("name", ""))
        response.headers["retry-after"] = str(error.seconds)
        return response
    except NotSignedInError as error:
        return sign_in_page(store, request, error, 401, fields.get("name", ""))


@router.post("/logout")
def sign_out(store: NeedStore, signed_in: NeedSignIn) -> Response:
    """Revoke the browser's session."""
    with store.begin() as session:
        access.revoke(session, signed_in.user.id, signed_in.token.id)
    return forget(RedirectResponse("/login", status_code=303))


def sign_in_page(
    store: Store,
    request: Request,
    error: SubtomoError | None = None,
    status: int = 200,
    name: str = "",
) -> Response:
    """Show the ways to sign in; with what was wrong."""
    return render(
        request,
        "login.html",
        status,
        wrong=str(error) if error else "",
        name=name,
        oidc=store.settings.oidc_issuer is not None,
        embedded=store.settings.database_url is None,
    )


def _session(store: Store, fields: dict[str, str], address: str) -> str:
    if "token" in fields:
        return session_by_token(store, fields["token"].strip())
    name, password = fields.get("name", "").strip(), fields.get("password", "")
    return session_by_password(store, name, password, address)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
