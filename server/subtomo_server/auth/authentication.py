"""Who may pass: every address needs a token unless it stands on the public list.

What a token may do is told by its scope, here; what its user may do to a record, by the store.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from subtomo_server.auth.accounts import note_use
from subtomo_server.deps.dependencies import services_at
from subtomo_server.http.errors import ForeignRequestError, NotSignedInError, ScopeError
from subtomo_server.http.problems import Handler, wants_page
from subtomo_store.database.people_records import Scope as TokenScope
from subtomo_store.database.people_records import TokenKind
from subtomo_store.errors import UnavailableError
from subtomo_store.people.access import SignIn, authenticate, use_is_news

COOKIE = "subtomo_session"
PUBLIC = frozenset(
    {
        "/login",
        "/login/oidc",
        "/login/oidc/callback",
        "/docs",
        "/help",
        "/openapi.json",
        "/favicon.ico",
        "/api/v1/service-info",
        "/api/v1/health/live",
        "/api/v1/health/ready",
        "/metrics",  # asks for a token of its own
    }
)
PUBLIC_FOLDERS = ("/static/", "/help/")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Written as POST, but nothing is changed beyond what reading needs.
READING = frozenset(
    {
        "/api/v1/jobs/validate",
        "/api/v1/jobs/estimate",
        "/api/v1/datasets/propose-region",
        "/logout",
    }
)
# Whoever may change these could give themselves more than their token does.
ACCOUNT = ("/api/v1/me", "/api/v1/tokens", "/api/v1/groups", "/account")
ADMINISTRATION = ("/api/v1/users", "/users")
REACH: dict[TokenScope, int] = {"read": 1, "write": 2, "admin": 3}


class Credentials(NamedTuple):
    """The token of a request, and whether a browser sent it by itself (as a cookie)."""

    token: str
    by_cookie: bool


class Authentication:
    """Middleware that lets a request pass only with a valid token."""

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
            found = await self._sign_in(request)
        except (NotSignedInError, ForeignRequestError, ScopeError, UnavailableError) as error:
            await self._refusal(request, error)(scope, receive, send)
            return
        scope.setdefault("state", {}).update(user=found.user, sign_in=found)
        await self.app(scope, receive, send)
        if use_is_news(found.token):
            await run_in_threadpool(note_use, services_at(request).store, found.token)

    async def _sign_in(self, request: Request) -> SignIn:
        credentials = credentials_of(request.headers)
        if credentials is None:
            raise NotSignedInError(
                "This address needs a token: send the header 'Authorization: Bearer TOKEN', "
                "or open the link which 'subtomo serve' printed."
            )
        kind: TokenKind = "browser" if credentials.by_cookie else "api"
        reads = services_at(request).reads
        found = await reads.ask(lambda session: authenticate(session, credentials.token, kind))
        if found is None:
            raise NotSignedInError("This token is not valid, or no longer: ask for a new one.")
        if credentials.by_cookie and request.method not in SAFE_METHODS:
            check_same_origin(request.headers)
        check_scope(found.token.scope, request.method, request.url.path)
        return found

    def _refusal(self, request: Request, error: Exception) -> Response:
        page = wants_page(request) and request.method in SAFE_METHODS
        if page and isinstance(error, NotSignedInError):
            return RedirectResponse("/login", status_code=303)
        return self.handler(request, error)


def is_public(path: str) -> bool:
    """Whether ``path`` may be seen without a token."""
    return path in PUBLIC or (path.startswith(PUBLIC_FOLDERS) and ".." not in path)


def needed_scope(method: str, path: str) -> TokenScope:
    """Least scope of a token for a request: ``read`` looks, ``write`` works, ``admin`` rules."""
    if path.startswith(ADMINISTRATION):
        return "admin"
    if method in SAFE_METHODS or path in READING:
        return "read"
    return "admin" if path.startswith(ACCOUNT) else "write"


def check_scope(scope: TokenScope, method: str, path: str) -> None:
    """Refuse what a token is not meant for.

    Raises
    ------
    ScopeError
        Naming the scope that is needed.
    """
    need = needed_scope(method, path)
    if REACH[scope] < REACH[need]:
        raise ScopeError(
            f"This token has the scope '{scope}', and this needs '{need}': make a token with it "
            "on the page 'Account'."
        )


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
    """Refuse a cookie's write that did not start at a page of this server.

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
