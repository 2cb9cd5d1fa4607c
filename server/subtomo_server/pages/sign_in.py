"""Signing a browser in by a link, and out again."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_server.accounts import user_of
from subtomo_server.gate import COOKIE
from subtomo_server.needs import NeedStore
from subtomo_server.pages.rendering import render

router = APIRouter(include_in_schema=False)
COOKIE_SECONDS = 30 * 24 * 3600


@router.get("/login")
async def sign_in(
    store: NeedStore, request: Request, token: Annotated[str | None, Query()] = None
) -> Response:
    """Sign in with the token of a link, or ask for one."""
    if not token:
        return render(request, "login.html", wrong=False)
    return await _signed_in(store, request, token)


@router.post("/login")
async def sign_in_by_form(store: NeedStore, request: Request) -> Response:
    """Sign in with the token which was typed into the page."""
    fields = parse_qs((await request.body()).decode("utf-8", "replace"))
    return await _signed_in(store, request, fields.get("token", [""])[0].strip())


@router.post("/logout")
async def sign_out() -> Response:
    """Forget the browser's token."""
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


async def _signed_in(store: NeedStore, request: Request, token: str) -> Response:
    if await run_in_threadpool(user_of, store, token) is None:
        return render(request, "login.html", status=401, wrong=True)
    # A page, not a redirect: after a link from elsewhere a redirect would still count as
    # foreign, and the browser would keep the strict cookie back.
    response = render(request, "welcome.html")
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_SECONDS,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response
