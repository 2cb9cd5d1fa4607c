"""A real HTTP server of a few lines, for corners which a whole service does not show on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """A request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def answer(
        self, value: Any = None, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Send JSON, or bytes as they are."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.begin(
            status, {"Content-Type": kind, "Content-Length": str(len(body))} | (headers or {})
        )
        self.write(body)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Send the status and headers alone."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()

    def write(self, piece: bytes) -> None:
        self.handler.wfile.write(piece)
        self.handler.wfile.flush()

    def hang_up(self) -> None:
        """Cut the connection without another word."""
        self.handler.close_connection = True
        self.handler.connection.shutdown(2)


Answer = Callable[[Request], None]


@dataclass
class SmallServer:
    """Answers each path with its own list of functions, one for each request, the last for all."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def on(self, call: str, *answers: Answer) -> None:
        """Say how to answer ``"GET /path"``."""
        self.answers[call] = list(answers)

    def calls(self, call: str) -> list[Request]:
        return [one for one in self.requests if f"{one.method} {one.path}" == call]

    def handle(self, request: Request) -> None:
        self.requests.append(request)
        waiting = self.answers.get(f"{request.method} {request.path}")
        if not waiting:
            request.answer({"detail": f"nothing at {request.path}"}, status=404)
            return
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(request)


@contextmanager
def small_server() -> Iterator[SmallServer]:
    """Run a server on a free port of this machine."""
    state = SmallServer("")

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            path = self.path.partition("?")[0]
            # Each answer closes its connection: what one test leaves unread harms no other.
            self.close_connection = True
            state.handle(Request(self.command, path, dict(self.headers), body, self))

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
