"""How long requests took: the one thing about a server that only its own process knows."""

from __future__ import annotations

import os
import socket

from prometheus_client import CollectorRegistry, Histogram
from starlette.datastructures import Headers
from starlette.types import Scope

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
NOWHERE = "(nothing at this address)"
FOLDERS = ("/static", "/help")  # of files, which are one route each
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Latency:
    """A histogram of the time to an answer's first byte, by route, method and status.

    Each series names its process, so that several behind one address are never mixed up. An
    answer that was asked to wait (``Prefer: wait``) is left out: its time is the asker's wish.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.server = f"{socket.gethostname()}-{os.getpid()}"
        self._seconds = Histogram(
            "subtomo_http_request_seconds",
            "Time to the first byte of an answer, without those which were asked to wait.",
            ("server", "route", "method", "status"),
            registry=self.registry,
            buckets=EDGES,
        )

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answer; routes by their template, so that ids make no series."""
        if "wait" in Headers(scope=scope).get("prefer", ""):
            return
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._seconds.labels(self.server, template_of(scope), method, str(status)).observe(seconds)


def template_of(scope: Scope) -> str:
    """Template of the route that answered: ``/api/v1/jobs/{job_id}``."""
    for folder in FOLDERS:
        if scope["path"].startswith(f"{folder}/"):
            return folder
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        # Addresses outside the router, such as /openapi.json, have no parameters either.
        plain = scope.get("endpoint") is not None and not scope.get("path_params")
        return str(scope["path"]) if plain else NOWHERE
    prefix = "/api/v1"
    below = scope["path"].startswith(f"{prefix}/") and not template.startswith(prefix)
    return f"{prefix}{template}" if below else str(template)
