"""The cookies of signed-in browsers."""

from __future__ import annotations

import base64
import binascii
import json

from fastapi import Request, Response

from subtomo_server.auth.accounts import SESSION_SECONDS
from subtomo_server.auth.authentication import COOKIE
from subtomo_server.auth.oidc import Flow
from subtomo_server.deps.dependencies import services_at
from subtomo_server.pages.rendering import render

FLOW_COOKIE = "subtomo_oidc"
FLOW_PATH = "/login/oidc"
FLOW_SECONDS = 600


def welcome(request: Request, text: str) -> Response:
    """Hand a session to the browser and lead it on.

    By a page, not a redirect: after a link from elsewhere a redirect would still count as
    foreign, and the browser would keep the strict cookie back.
    """
    response = render(request, "welcome.html")
    response.set_cookie(
        COOKIE,
        text,
        max_age=int(SESSION_SECONDS),
        path="/",
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )
    return response


def forget(response: Response) -> Response:
    """Take the session back."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


def keep_flow(request: Request, response: Response, flow: Flow) -> Response:
    """Let the browser bring this back with the provider's answer."""
    value = base64.urlsafe_b64encode(json.dumps(flow).encode()).decode()
    response.set_cookie(
        FLOW_COOKIE,
        value,
        max_age=FLOW_SECONDS,
        path=FLOW_PATH,
        httponly=True,
        # The provider sends the browser back from another site: a strict cookie would stay away.
        samesite="lax",
        secure=is_secure(request),
    )
    return response


def kept_flow(request: Request) -> Flow | None:
    """Read what `keep_flow` gave to this browser."""
    try:
        found = json.loads(base64.urlsafe_b64decode(request.cookies.get(FLOW_COOKIE, "")))
        return Flow(*(str(part) for part in found))
    except (ValueError, TypeError, binascii.Error):
        return None


def forget_flow(response: Response) -> Response:
    """A flow serves once."""
    response.delete_cookie(FLOW_COOKIE, path=FLOW_PATH, httponly=True, samesite="lax")
    return response


def address_of(request: Request) -> str:
    """Address of this service as browsers know it, without a slash at the end."""
    public = services_at(request).store.settings.public_url
    return (public or str(request.base_url)).rstrip("/")


def is_secure(request: Request) -> bool:
    """Whether browsers reach this service by TLS."""
    return address_of(request).startswith("https:")
