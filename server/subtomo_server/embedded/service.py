"""Everything which ``subtomo serve`` starts, in order, and ends in the opposite one."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TextIO

import uvicorn

from subtomo_core.errors import SubtomoError
from subtomo_server.app import create_app
from subtomo_server.auth.links import link_for
from subtomo_server.embedded.address import bind, check_address, url_of
from subtomo_server.embedded.broker import embedded_broker
from subtomo_server.embedded.connection import USER, Connection, write_note
from subtomo_server.embedded.lock import only_server
from subtomo_server.embedded.supervisor import supervised_worker
from subtomo_store import Settings, open_store
from subtomo_store.config.logs import configure
from subtomo_store.database.people_records import UserRole
from subtomo_store.files.privacy import MASKS, keep_private
from subtomo_store.people import users
from subtomo_store.people.limits import MOST_RUNNING

GRACE_SECONDS = 2
# Answers take a millisecond or two: a thread which waits for its turn shall not wait for five.
SWITCH_SECONDS = 0.001


class Server(uvicorn.Server):
    """Uvicorn, which says when it listens, and lets waiting answers come back when it ends."""

    def __init__(self, config: uvicorn.Config, stopping: Event, ready: Callable[[], None]):
        super().__init__(config)
        self._stopping = stopping
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        self.should_exit = self.should_exit or self._stopping.is_set()
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self._stopping.set()
        super().handle_exit(sig, frame)


def serve_until_stopped(
    settings: Settings,
    announce: Callable[[str, str | None], None],
    *,
    worker: bool = True,
    allow_remote: bool = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Without a broker URL this is the embedded form: it locks the data folder and starts a broker
    and a worker of its own. With one it is a facility's server and starts neither.

    Parameters
    ----------
    settings : Settings
        What to serve, and where.
    announce : callable
        Told the address once the server listens and, in the embedded form, a link which signs a
        browser in once.
    worker : bool
        Whether the embedded form starts a worker.
    allow_remote : bool
        Whether other machines may reach the server.

    Raises
    ------
    SubtomoError
        If it cannot start, with the remedy.
    """
    check_address(settings.host, allow_remote=allow_remote)
    stopping = _interrupted_by_signals()
    data = settings.data.expanduser().absolute()
    embedded = settings.broker_url is None
    os.umask(MASKS[settings.folder_access])
    with ExitStack() as stack:
        if embedded or settings.database_url is None:
            stack.enter_context(only_server(data))
        # What a laptop's worker gets as settings names a broker, and would else choose JSON.
        settings = settings.model_copy(update={"log_format": settings.resolved_log_format})
        log = stack.enter_context(_log(data)) if embedded else sys.stderr
        configure(log, settings.resolved_log_format, settings.log_level)
        keep_private(data, settings.folder_access)
        listening = stack.enter_context(closing(bind(settings.host, settings.port)))
        url = settings.public_url or url_of(settings.host, listening.getsockname()[1])
        if embedded:
            broker = stack.enter_context(embedded_broker(data))
            settings = settings.model_copy(
                update={"broker_url": broker, "running_jobs": _running_jobs(settings)}
            )
        # Who starts it for themselves rules it; a facility's administrators are made by name.
        connection = _prepare(settings, url.rstrip("/"), "admin" if embedded else "user")
        if embedded and worker:
            stack.enter_context(supervised_worker(settings))
        _serve(
            settings,
            listening,
            lambda: announce(connection.url, _link(settings, connection) if embedded else None),
            stopping,
        )


def _running_jobs(settings: Settings) -> int:
    """One person alone needs no limit, unless the settings name one."""
    named = "running_jobs" in settings.model_fields_set
    return settings.running_jobs if named else MOST_RUNNING


@contextmanager
def _log(data: Path) -> Iterator[TextIO]:
    """Log into the data folder: the terminal is for the person who sits there."""
    (data / "logs").mkdir(parents=True, exist_ok=True)
    with (data / "logs" / "server.log").open("a", encoding="utf-8") as log:
        try:
            yield log
        finally:
            configure(sys.stderr)


def _prepare(settings: Settings, url: str, role: UserRole) -> Connection:
    """Bring the database up to date before anybody uses it, and leave the note."""
    with closing(open_store(settings)) as store:
        store.migrate()
        return write_note(store, url, role)


def _link(settings: Settings, connection: Connection) -> str:
    """A link for whoever sits at the terminal."""
    with closing(open_store(settings)) as store:
        with store.read() as session:
            user = users.find(session, USER)
        return link_for(store, user, connection.url, connection.token)


def _interrupted_by_signals() -> Event:
    """Let SIGTERM and Ctrl-C interrupt what is under way; set once one of them came.

    An interrupt may be lost: where it meets the callback of a weak reference, as at the end of an
    import, Python prints it and goes on. Uvicorn takes both over while it serves and raises them
    again when it has ended; they must not end us before the rest.
    """
    stopping = Event()

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as for a shell's background jobs
        signal.signal(signal.SIGINT, interrupt)
    return stopping


def _serve(
    settings: Settings, listening: socket.socket, ready: Callable[[], None], stopping: Event
) -> None:
    if stopping.is_set():
        raise KeyboardInterrupt
    sys.setswitchinterval(SWITCH_SECONDS)
    config = uvicorn.Config(
        create_app(settings, stopping),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
    )
    server = Server(config, stopping, ready)
    server.run(sockets=[listening])
    if not server.started:
        raise SubtomoError("The server could not start: its log tells why.")
