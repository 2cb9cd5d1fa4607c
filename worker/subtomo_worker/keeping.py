"""Renewal of a lease while its task runs."""

from __future__ import annotations

import logging
import threading
from contextvars import copy_context
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from subtomo_core.errors import Cancelled
from subtomo_store.database.records import Lease, Verdict
from subtomo_store.errors import LeaseLostError, StoreError
from subtomo_store.jobs import tasks
from subtomo_worker.context import WorkerContext
from subtomo_worker.errors import StoppedError

log = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews a lease in a thread, tells the progress, and learns whether to stop.

    The core calls `on_particle` after each particle, from any of its threads; `check` is for
    the steps between.
    """

    def __init__(self, context: WorkerContext, lease: Lease):
        self._context = context
        self._lease = lease
        self._verdict: Verdict = "keep"
        self._particles = 0
        self._counting = threading.Lock()
        self._over = threading.Event()
        # Its log lines name the task, too.
        within = copy_context()
        self._thread = threading.Thread(
            target=within.run, args=(self._keep,), name="lease", daemon=True
        )

    def on_particle(self) -> None:
        """Count a particle; raises as `check` does."""
        with self._counting:
            self._particles += 1
        self.check()

    def check(self) -> None:
        """Go on, or not.

        Raises
        ------
        Cancelled
            If the user stopped the job.
        LeaseLostError
            If the task belongs to somebody else now.
        StoppedError
            If this worker is to end.
        """
        if self._verdict == "cancel":
            raise Cancelled("the job was cancelled")
        if self._verdict == "lost":
            raise LeaseLostError("the task was given to another worker, or the job is over")
        if self._context.stop_asked():
            raise StoppedError("the worker is ending")

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        settings = self._context.store.settings
        interval = min(settings.report_seconds, settings.lease_seconds / 3)
        while self._verdict == "keep" and not self._over.wait(interval):
            try:
                with self._context.store.begin() as session:
                    self._verdict = tasks.renew(
                        session,
                        self._lease,
                        self._particles,
                        lease_seconds=settings.lease_seconds,
                    )
            except (SQLAlchemyError, StoreError) as error:
                log.warning("the lease could not be renewed, trying again: %s", error)
