"""The sweeper: signs of life, what dead workers held, and a bell for work which nobody takes."""

from __future__ import annotations

import logging
import threading
import time
from contextvars import copy_context

from sqlalchemy.exc import SQLAlchemyError

from subtomo_core.errors import SubtomoError
from subtomo_store.database.records import Worker
from subtomo_store.jobs import dispatch, losses, tasks, workers
from subtomo_store.upkeep import retention
from subtomo_worker import folders
from subtomo_worker.context import WorkerContext
from subtomo_worker.processes import Birth, is_gone

STRAY_SECONDS = 24 * 3600.0
CLEAN_SECONDS = 3600.0
log = logging.getLogger(__name__)


class Sweeper:
    """A thread which looks every few seconds; any number of workers may do so at once."""

    def __init__(self, context: WorkerContext):
        self._context = context
        self._over = threading.Event()
        within = copy_context()
        self._thread = threading.Thread(
            target=within.run, args=(self._run,), name="sweeper", daemon=True
        )

    def start(self) -> None:
        """Begin. The first sweep is over when this returns: nobody works before showing himself."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """End, and take this worker off the list."""
        self._over.set()
        self._thread.join()
        try:
            with self._context.store.begin() as session:
                workers.leave(session, self._context.worker_id)
        except (SQLAlchemyError, SubtomoError) as error:
            log.warning("the worker's row stays: %s", error)

    def sweep(self) -> None:
        """Look once. Each step is a transaction of its own, so that no lock waits for another."""
        store, context = self._context.store, self._context
        with store.begin() as session:
            workers.beat(
                session,
                worker_id=context.worker_id,
                name=context.name,
                queues=context.queues,
                host=context.host,
                **context.birth._asdict(),
                parent=(context.parent.pid, context.parent.born) if context.parent else None,
                threads=store.settings.threads,
            )
        self._release_dead()
        self._ring_for_myself()
        with store.begin() as session:
            ended = tasks.sweep_cancelling(session)
        self._tidy(ended)

    def _ring_for_myself(self) -> None:
        """Ring when there is work and this worker has none: nobody else's bell is sure to come.

        Messages are lost with a broker, and a drain's end or a raised limit rings for nobody.
        """
        context = self._context
        if not context.idle or context.stop_asked():
            return
        with context.store.read() as session:
            found = dispatch.best(session, context.seeker, context.store.settings)
        if found is not None:
            context.bell.ring([found])

    def _release_dead(self) -> None:
        """Take from killed workers of this machine what they held, without waiting for leases."""
        store = self._context.store
        with store.read() as session:
            neighbours = workers.on_host(session, self._context.host)
        for worker in neighbours:
            if not is_gone(Birth(worker.namespace, worker.pid, worker.born)):
                continue
            log.warning("worker %s (process %s) was killed", worker.id, worker.pid)
            lived = self._lived_through(worker, neighbours)
            with store.begin() as session:
                ended = losses.release(session, worker.id, machine_lived=lived)
                workers.leave(session, worker.id)
            self._tidy(ended)

    def _lived_through(self, worker: Worker, neighbours: list[Worker]) -> bool:
        """Whether a worker was killed alone: its parent lives, or this process was there before."""
        if worker.parent_pid is not None and worker.parent_born is not None:
            parent = Birth(worker.namespace, worker.parent_pid, worker.parent_born)
            if worker.namespace == self._context.birth.namespace and not is_gone(parent):
                return True
        own = (found for found in neighbours if found.id == self._context.worker_id)
        return any(witness.started < worker.heartbeat for witness in own)

    def _tidy(self, ended: list[str]) -> None:
        """Remove the working files of jobs which ended without a worker."""
        for job_id in ended:
            folders.drop_batches(self._context.store, job_id)

    def _clean(self) -> None:
        """Remove what killed processes left half-written, and what the rules do not keep."""
        try:
            self._context.store.files.clean(STRAY_SECONDS)
            retention.clean(self._context.store)
        except (SQLAlchemyError, SubtomoError, OSError) as error:
            log.warning("cleaning up again later: %s", error)

    def _look(self) -> None:
        """Sweep, whatever becomes of it."""
        try:
            self.sweep()
        except (SQLAlchemyError, SubtomoError) as error:
            log.warning("sweeping again later: %s", error)

    def _run(self) -> None:
        cleaned = None
        while True:
            if cleaned is None or time.monotonic() - cleaned > CLEAN_SECONDS:
                self._clean()
                cleaned = time.monotonic()
            if self._over.wait(self._context.store.settings.sweep_seconds):
                return
            self._look()
