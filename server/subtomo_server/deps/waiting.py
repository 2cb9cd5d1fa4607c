"""Answers that wait for something to happen: ``Prefer: wait=N`` (RFC 7240)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
from sqlalchemy.orm import Session
from starlette.requests import Request

from subtomo_server.deps.dependencies import Services

LONGEST_WAIT_SECONDS = 60.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 0.5
WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])", re.IGNORECASE)

T = TypeVar("T")


def wanted_wait(request: Request) -> float:
    """Seconds that the sender is willing to wait, 60 at most; 0 without the header."""
    found = WAIT.search(request.headers.get("prefer", ""))
    return min(float(found.group(1)), LONGEST_WAIT_SECONDS) if found else 0.0


async def wait_for(
    services: Services, look: Callable[[Session], T], happened: Callable[[T], bool], seconds: float
) -> T:
    """Look again and again until something happened, the time is over or the server stops.

    Parameters
    ----------
    services : Services
        Whose read batcher asks, and which are about to end or not.
    look : callable
        Reads the present state, in milliseconds.
    happened : callable
        Whether that state is worth an answer.
    seconds : float
        The longest wait.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while True:
        state = await services.reads.ask(look)
        left = deadline - time.monotonic()
        if happened(state) or left <= 0 or services.stopping.is_set():
            return state
        await anyio.sleep(min(pause, left))
        pause = min(1.5 * pause, LONGEST_PAUSE)
