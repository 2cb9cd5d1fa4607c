"""The sweeper: signs of life, what dead workers held, and messages for tasks nobody works on."""

from __future__ import annotations

import logging
import shutil
import threading
from contextvars import copy_context

from sqlalchemy.exc import SQLAlchemyError

from subtomo_core.errors import SubtomoError
from subtomo_store import tasks, workers
from subtomo_worker import folders
from subtomo_worker.processes import Birth, is_gone
from subtomo_worker.workshop import Workshop

STRAY_SECONDS = 24 * 3600.0
log = logging.getLogger(__name__)


class Sweeper:
    """A thread which looks every few seconds; any number of workers may do so at once."""

    def __init__(self, workshop: Workshop):
        self._workshop = workshop
        self._over = threading.Event()
        self._first = True
        within = copy_context()
        self._thread = threading.Thread(
            target=within.run, args=(self._run,), name="sweeper", daemon=True
        )

    def start(self) -> None:
        """Begin; the first sweep sends every open task's message, as the broker may be new.

        It is over when this returns: nobody takes a task before its worker has shown itself.
        """
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """End, and take this worker off the list."""
        self._over.set()
        self._thread.join()
        try:
            with self._workshop.store.begin() as session:
                workers.leave(session, self._workshop.worker_id)
        except (SQLAlchemyError, SubtomoError) as error:
            log.warning("the worker's row stays: %s", error)

    def sweep(self, *, everything: bool = False) -> None:
        """Look once. Each step is a transaction of its own, so that no lock waits for another."""
        store, workshop = self._workshop.store, self._workshop
        with store.begin() as session:
            workers.beat(
                session,
                worker_id=workshop.worker_id,
                host=workshop.host,
                **workshop.birth._asdict(),
                threads=store.settings.threads,
            )
        self._release_dead()
        with store.begin() as session:
            messages = tasks.due(
                session, resend_seconds=store.settings.resend_seconds, everything=everything
            )
        workshop.bell.ring(messages)
        with store.begin() as session:
            ended = tasks.sweep_cancelling(session)
        self._tidy(ended)

    def _release_dead(self) -> None:
        """Take from killed workers of this machine what they held, without waiting for leases."""
        store = self._workshop.store
        with store.read() as session:
            neighbours = workers.on_host(session, self._workshop.host)
        for worker in neighbours:
            if not is_gone(Birth(worker.namespace, worker.pid, worker.born)):
                continue
            log.warning("worker %s (process %s) was killed", worker.id, worker.pid)
            with store.begin() as session:
                ended = tasks.release(session, worker.id)
                workers.leave(session, worker.id)
            self._tidy(ended)

    def _tidy(self, ended: list[str]) -> None:
        """Remove the working files of jobs which ended without a worker."""
        for job_id in ended:
            working = folders.batches(self._workshop.store.files, job_id)
            shutil.rmtree(working, ignore_errors=True)

    def _clean(self) -> None:
        """Remove what killed processes left half-written."""
        try:
            self._workshop.store.files.clean(STRAY_SECONDS)
        except (SubtomoError, OSError) as error:
            log.warning("stray files stay: %s", error)

    def _look(self) -> None:
        """Sweep; until one sweep has gone well every open task's message is sent."""
        try:
            self.sweep(everything=self._first)
            self._first = False
        except (SQLAlchemyError, SubtomoError) as error:
            log.warning("sweeping again later: %s", error)

    def _run(self) -> None:
        self._clean()
        while not self._over.wait(self._workshop.store.settings.sweep_seconds):
            self._look()
