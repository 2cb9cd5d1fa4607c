"""Running a worker until it is asked to end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import closing
from types import FrameType

from celery.exceptions import SecurityWarning
from celery.worker import state
from structlog.contextvars import bind_contextvars

from subtomo_core.errors import SubtomoError
from subtomo_store import Settings, open_store
from subtomo_store.database.records import QueueName
from subtomo_store.files.privacy import keep_private
from subtomo_store.jobs.bell import Bell, broker_queue
from subtomo_store.jobs.dispatch import QUEUES
from subtomo_worker.app import create_app
from subtomo_worker.calculation import MethodFactory
from subtomo_worker.context import WorkerContext
from subtomo_worker.memory import return_large_arrays

# Whoever shares the machine, the server first of all, goes first: answers take milliseconds.
NICENESS = 10


def run_worker(
    settings: Settings,
    methods: MethodFactory,
    *,
    queues: tuple[QueueName, ...] = QUEUES,
    name: str | None = None,
    lifeline: bool = False,
    make_bell: Callable[[str], Bell] = Bell,
) -> int:
    """Work until SIGTERM, or until standard input ends when ``lifeline``.

    A task in the middle of a batch goes back at the next particle, and no attempt is used up.

    Parameters
    ----------
    settings : Settings
        With a ``broker_url``.
    methods : callable
        Makes the method of a specification (`subtomo_core.methods.create`).
    queues : tuple of str
        Queues to serve.
    name : str, optional
        By which this worker is drained; the machine's name by default.
    lifeline : bool
        End when standard input ends: the parent of an embedded worker is gone.
    make_bell : callable
        Makes the bell from the broker's URL.

    Returns
    -------
    int
        The process's exit status.

    Raises
    ------
    SubtomoError
        If there is no broker to listen to.
    """
    broker_url = _broker_url(settings)
    return_large_arrays()
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, _end_early)
    # Celery warns of root because of pickled messages; ours are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    keep_private(settings.data.expanduser(), settings.folder_access)
    with closing(open_store(settings)) as store, closing(make_bell(broker_url)) as bell:
        store.migrate()
        context = WorkerContext(
            store=store,
            bell=bell,
            methods=methods,
            stop_asked=stop_asked,
            queues=queues,
            name=name or socket.gethostname(),
        )
        if lifeline:
            threading.Thread(target=_hang_on, name="lifeline", daemon=True).start()
        return _work(context, broker_url)


def _broker_url(settings: Settings) -> str:
    if settings.broker_url is None:
        raise SubtomoError(
            "a worker needs a broker: set SUBTOMO_BROKER_URL to the one the server uses, "
            "for example redis://localhost:6379/0"
        )
    return settings.broker_url


def _work(context: WorkerContext, broker_url: str) -> int:
    bind_contextvars(worker_id=context.worker_id)
    log = logging.getLogger(__name__)
    log.info(
        "worker %s (%s), queues %s, %s threads",
        context.worker_id,
        context.name,
        ", ".join(context.queues),
        context.store.settings.threads,
    )
    worker = create_app(context, broker_url).Worker(
        hostname=f"{context.worker_id}@{context.host}",
        queues=[broker_queue(queue) for queue in context.queues],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _end_early(_number: int, _frame: FrameType | None) -> None:
    """Note SIGTERM until Celery's own handler stands."""
    state.should_stop = 0


def stop_asked() -> bool:
    """Whether this process was told to end (Celery's signal handlers note it)."""
    return state.should_stop is not None or state.should_terminate is not None


def _hang_on() -> None:
    """Wait for the end of standard input, then end softly."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
