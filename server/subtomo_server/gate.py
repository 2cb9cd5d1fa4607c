"""Who may pass: every address needs a token unless it stands on the public list."""

from __future__ import annotations

import time
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from subtomo_server.accounts import user_of
from subtomo_server.errors import ForeignRequestError, NotSignedInError
from subtomo_server.problems import Handler, wants_page
from subtomo_store.database import Store
from subtomo_store.errors import UnavailableError

COOKIE = "subtomo_token"
PUBLIC = frozenset(
    {
        "/login",
        "/docs",
        "/openapi.json",
        "/favicon.ico",
        "/api/v1/service-info",
        "/api/v1/health/live",
        "/api/v1/health/ready",
        "/metrics",  # asks for a token of its own
    }
)
PUBLIC_FOLDER = "/static/"
RECHECK_SECONDS = 5.0
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Credentials(NamedTuple):
    """The token of a request, and whether a browser sent it by itself (as a cookie)."""

    token: str
    by_cookie: bool


class Gate:
    """Middleware which lets a request pass only with a valid token."""

    def __init__(self, app: ASGIApp, handler: Handler):
        self.app = app
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 (or lead a browser to the sign-in page), or hand the request on."""
        if scope["type"] == "lifespan" or is_public(scope.get("path", "")):
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise NotSignedInError("This server speaks HTTP only.")
        request = Request(scope)
        try:
            scope.setdefault("state", {})["user"] = await self._user(request)
        except (NotSignedInError, ForeignRequestError, UnavailableError) as error:
            await self._refusal(request, error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _user(self, request: Request) -> object:
        credentials = credentials_of(request.headers)
        if credentials is None:
            raise NotSignedInError(
                "This address needs a token: send the header 'Authorization: Bearer TOKEN', "
                "or open the link which 'subtomo serve' printed."
            )
        user = await run_in_threadpool(user_of, request.app.state.store, credentials.token)
        if user is None:
            raise NotSignedInError("This token is not valid, or no longer: ask for a new one.")
        if credentials.by_cookie and request.method not in SAFE_METHODS:
            check_same_origin(request.headers)
        return user

    def _refusal(self, request: Request, error: Exception) -> Response:
        page = wants_page(request) and request.method in SAFE_METHODS
        if page and isinstance(error, NotSignedInError):
            return RedirectResponse("/login", status_code=303)
        return self.handler(request, error)


class Welcome:
    """Whether an answer which goes on for long may still do so: its token may be revoked."""

    def __init__(self, store: Store, credentials: Credentials | None):
        self._store = store
        self._credentials = credentials
        self._asked = time.monotonic()

    async def lasts(self) -> bool:
        """Ask the store every few seconds, and believe its last answer in between."""
        if time.monotonic() - self._asked < RECHECK_SECONDS:
            return True
        self._asked = time.monotonic()
        if self._credentials is None:
            return False
        return await run_in_threadpool(user_of, self._store, self._credentials.token) is not None


def is_public(path: str) -> bool:
    """Whether ``path`` may be seen without a token."""
    return path in PUBLIC or (path.startswith(PUBLIC_FOLDER) and ".." not in path)


def credentials_of(headers: Headers) -> Credentials | None:
    """Read the bearer token, or the cookie of a signed-in browser."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Credentials(token.strip(), by_cookie=False)
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return Credentials(morsel.value, by_cookie=True) if morsel and morsel.value else None


def check_same_origin(headers: Headers) -> None:
    """Refuse a cookie's write which did not start at a page of this server.

    Raises
    ------
    ForeignRequestError
        If the browser names another origin, or none at all.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        same = site == "same-origin"
    else:
        origin = urlsplit(headers.get("origin", ""))
        same = bool(origin.netloc) and origin.netloc == headers.get("host", "")
    if not same:
        raise ForeignRequestError(
            "This write was refused because it did not come from a page of this server: "
            "use the page itself, or a bearer token."
        )
