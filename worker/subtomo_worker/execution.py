"""Answering a bell: the best task there is, carried out, whatever happens."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from structlog.contextvars import bound_contextvars

from subtomo_core.errors import Cancelled, InputError, SubtomoError
from subtomo_store.database.records import Lease, Message, QueueName, TaskKind
from subtomo_store.errors import LeaseLostError, NotFoundError
from subtomo_store.jobs import dispatch, jobs, tasks
from subtomo_worker import folders
from subtomo_worker.align import align
from subtomo_worker.begin import begin
from subtomo_worker.errors import NumericalError, StoppedError
from subtomo_worker.keeping import LeaseKeeper
from subtomo_worker.reduce import reduce
from subtomo_worker.workshop import Assignment, Workshop

Step = Callable[[Workshop, Assignment, LeaseKeeper], list[Message]]
STEPS: dict[TaskKind, Step] = {"begin": begin, "align": align, "reduce": reduce}
log = logging.getLogger(__name__)


def execute(workshop: Workshop, task_id: str, queue: QueueName) -> None:
    """Take the best task and carry it out; nothing happens when there is none for this worker.

    ``task_id`` and ``queue`` are those of the bell. As many bells ring as there are tasks ready,
    and each makes a worker take one: the count stays right whichever is taken, except across
    queues, where the bell is passed on.
    """
    if workshop.stop_asked():
        return
    with workshop.at_work():
        found = dispatch.take(workshop.store, workshop.seeker, lambda over: tidy(workshop, over))
        if found is None:
            log.info("nothing to do for %s", task_id)
            return
        assignment = Assignment(*found)
        if assignment.job.queue != queue:
            workshop.bell.ring([Message("align", task_id, queue)])
        with bound_contextvars(task_id=assignment.lease.task.id, job_id=assignment.job.id):
            _carry_out(workshop, assignment)


def _carry_out(workshop: Workshop, assignment: Assignment) -> None:
    what = tasks.describe(assignment.lease.task)
    log.info("%s: %s, attempt %s", assignment.job.id, what, assignment.lease.task.attempts)
    messages = _attempt(workshop, assignment)
    workshop.bell.ring(messages or _freed(workshop))
    tidy(workshop, assignment.job.id)


def _freed(workshop: Workshop) -> list[Message]:
    """A bell for what may be taken now, such as a job which waited for this one's end."""
    with workshop.store.read() as session:
        found = dispatch.best(session, workshop.seeker, workshop.store.settings)
    return [found] if found else []


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
            session,
            lease,
            error=error,
            max_attempts=workshop.store.settings.max_attempts,
            pause_seconds=workshop.store.settings.retry_seconds,
        )


def _unexpected(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the worker ran out of memory: use smaller batches or a machine with more"
    return f"an unexpected fault, see the worker's log ({type(error).__name__}: {error})"


def _retry_later(workshop: Workshop, messages: list[Message]) -> None:
    """Ring after the pause, without keeping the worker; if this process ends, others see it."""
    if messages:
        pause = workshop.store.settings.retry_seconds
        ring = partial(copy_context().run, workshop.bell.ring, messages)
        timer = threading.Timer(pause, ring)
        timer.daemon = True
        timer.start()


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
