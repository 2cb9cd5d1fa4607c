"""One line for each request, with an id that the answer carries too; never a secret."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from subtomo_server.http.latency import Latency, template_of

HEADER = "x-request-id"
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
TOLD_PARAMETERS = ("job_id", "dataset_id", "map_id")


class RequestLog:
    """Middleware that gives each request an id, writes one line about it, and takes its time.

    The id is bound to everything that is logged meanwhile. The path is logged without its
    query, which may hold a sign-in token; headers are not logged.
    """

    def __init__(self, app: ASGIApp, latency: Latency):
        self.app = app
        self.latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log how it ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        status, answered = 0, 0.0
        started = time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter() - started
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, noted)
            finally:
                self.latency.note(scope, status, answered or time.perf_counter() - started)
                structlog.get_logger("subtomo_server").info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    route=template_of(scope),
                    status=status,
                    milliseconds=round(1000 * (time.perf_counter() - started), 1),
                    **_about(scope),
                )


def _request_id(headers: Headers) -> str:
    given = headers.get(HEADER, "")
    return given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex


def _about(scope: Scope) -> dict[str, Any]:
    """Who asked, and about which job, dataset or map."""
    told = {name: scope["path_params"][name] for name in TOLD_PARAMETERS if _has(scope, name)}
    user = scope.get("state", {}).get("user")
    return told if user is None else {**told, "user_id": user.id}


def _has(scope: Scope, name: str) -> bool:
    return name in scope.get("path_params", {})
