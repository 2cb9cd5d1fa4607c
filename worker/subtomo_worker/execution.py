"""Carrying out one task, whatever happens."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial

from structlog.contextvars import bound_contextvars

from subtomo_core.errors import Cancelled, InputError, SubtomoError
from subtomo_store import jobs, tasks
from subtomo_store.errors import LeaseLostError, NotFoundError
from subtomo_store.records import Lease, Message, TaskKind
from subtomo_worker import folders
from subtomo_worker.align import align
from subtomo_worker.begin import begin
from subtomo_worker.errors import NumericalError, StoppedError
from subtomo_worker.keeping import LeaseKeeper
from subtomo_worker.reduce import reduce
from subtomo_worker.workshop import Assignment, Workshop

Step = Callable[[Workshop, Assignment, LeaseKeeper], list[Message]]
STEPS: dict[TaskKind, Step] = {"begin": begin, "align": align, "reduce": reduce}
RETRY_SECONDS = 2.0
log = logging.getLogger(__name__)


def execute(workshop: Workshop, task_id: str) -> None:
    """Take a task and carry it out; nothing happens when somebody else has it or it is over."""
    if workshop.stop_asked():
        return
    with bound_contextvars(task_id=task_id):
        assignment = _take(workshop, task_id)
        if assignment is None:
            log.info("nothing to do for %s", task_id)
            _tidy_after(workshop, task_id)
            return
        with bound_contextvars(job_id=assignment.job.id):
            _carry_out(workshop, assignment)


def _carry_out(workshop: Workshop, assignment: Assignment) -> None:
    what = tasks.describe(assignment.lease.task)
    log.info("%s: %s, attempt %s", assignment.job.id, what, assignment.lease.task.attempts)
    messages = _attempt(workshop, assignment)
    workshop.bell.ring(messages)
    tidy(workshop, assignment.job.id)


def _take(workshop: Workshop, task_id: str) -> Assignment | None:
    settings = workshop.store.settings
    with suppress(NotFoundError), workshop.store.begin() as session:
        lease = tasks.take(
            session,
            task_id,
            workshop.worker_id,
            lease_seconds=settings.lease_seconds,
            max_attempts=settings.max_attempts,
        )
        if lease is not None:
            return Assignment(lease, jobs.get(session, lease.task.job_id))
    return None


def _attempt(workshop: Workshop, assignment: Assignment) -> list[Message]:
    """Run the task's step; every way in which it can end is told to the database."""
    lease = assignment.lease
    try:
        with LeaseKeeper(workshop, lease) as keeper:
            return STEPS[lease.task.kind](workshop, assignment, keeper)
    except (LeaseLostError, NotFoundError) as error:
        log.warning("%s was put aside: %s", lease.task.id, error)
    except Cancelled:
        with workshop.store.begin() as session:
            tasks.drop(session, lease)
    except StoppedError:
        return _give_back(workshop, lease, None)
    except (InputError, NumericalError) as error:
        with workshop.store.begin() as session:
            tasks.give_up(session, lease, str(error))
    except SubtomoError as error:
        log.warning("%s failed: %s", lease.task.id, error)
        _retry_later(workshop, _give_back(workshop, lease, str(error)))
    except Exception as error:
        log.exception("%s failed", lease.task.id)
        _retry_later(workshop, _give_back(workshop, lease, _unexpected(error)))
    return []


def _give_back(workshop: Workshop, lease: Lease, error: str | None) -> list[Message]:
    workshop.clear()
    with workshop.store.begin() as session:
        return tasks.give_back(
            session, lease, error=error, max_attempts=workshop.store.settings.max_attempts
        )


def _unexpected(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the worker ran out of memory: use smaller batches or a machine with more"
    return f"an unexpected fault, see the worker's log ({type(error).__name__}: {error})"


def _retry_later(workshop: Workshop, messages: list[Message]) -> None:
    """Ring after a pause, without keeping the worker; if this process ends, a sweeper rings."""
    if messages:
        pause = min(RETRY_SECONDS, workshop.store.settings.resend_seconds)
        ring = partial(copy_context().run, workshop.bell.ring, messages)
        timer = threading.Timer(pause, ring)
        timer.daemon = True
        timer.start()


def _tidy_after(workshop: Workshop, task_id: str) -> None:
    """Tidy up where taking a task was the end of its job: it had been tried too often."""
    with workshop.store.read() as session:
        task = tasks.get_task(session, task_id)
    if task is not None:
        tidy(workshop, task.job_id)


def tidy(workshop: Workshop, job_id: str) -> None:
    """Remove what only a running job needs, once it is over."""
    with workshop.store.read() as session:
        try:
            over = jobs.get(session, job_id).terminal
        except NotFoundError:
            over = True
    if over:
        workshop.clear()
        working = folders.batches(workshop.store.files, job_id)
        shutil.rmtree(working, ignore_errors=True)
