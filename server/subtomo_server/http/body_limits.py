"""How large a request's body may be."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from subtomo_server.http.errors import BodyTooLargeError
from subtomo_server.http.problems import Handler
from subtomo_store.people.quotas import said

DOCUMENT_BYTES = 1024 * 1024


class BodyLimit:
    """Middleware that refuses a body above the limit of its address.

    A body that announces its length is refused before a byte of it is read; one that does
    not is counted as it comes in.
    """

    def __init__(self, app: ASGIApp, handler: Handler, upload_limit: Callable[[Scope], int | None]):
        self.app = app
        self.handler = handler
        self.upload_limit = upload_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counted body, or answer 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.upload_limit(scope) or DOCUMENT_BYTES
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            response = self.handler(Request(scope), BodyTooLargeError(sentence(limit)))
            await response(scope, receive, send)
            return
        await self.app(scope, counted(receive, limit), send)


def counted(receive: Receive, limit: int) -> Receive:
    """Wrap ``receive`` so that it raises when the body passes ``limit`` bytes."""
    total = 0

    async def receive_counted() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit:
                # FastAPI's own body reader lets exactly this class pass.
                raise HTTPException(413, detail=sentence(limit))
        return message

    return receive_counted


def sentence(limit: int) -> str:
    """Say that a body is too large."""
    return f"The body is larger than the {said(limit)} which this address takes."
