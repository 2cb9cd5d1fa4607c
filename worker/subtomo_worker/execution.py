"""Answering a bell: the best task there is, carried out, whatever happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from structlog.contextvars import bound_contextvars

from subtomo_core.errors import Cancelled, InputError, SubtomoError
from subtomo_store.database.records import Lease, Message, QueueName, TaskKind
from subtomo_store.errors import DamagedError, LeaseLostError, NotFoundError
from subtomo_store.jobs import dispatch, jobs, tasks
from subtomo_worker import folders
from subtomo_worker.align import align
from subtomo_worker.begin import begin
from subtomo_worker.context import Assignment, WorkerContext
from subtomo_worker.errors import NumericalError, StoppedError
from subtomo_worker.keeping import LeaseKeeper
from subtomo_worker.reduce import reduce

Step = Callable[[WorkerContext, Assignment, LeaseKeeper], list[Message]]
STEPS: dict[TaskKind, Step] = {"begin": begin, "align": align, "reduce": reduce}
log = logging.getLogger(__name__)


def execute(context: WorkerContext, task_id: str, queue: QueueName) -> None:
    """Take the best task and carry it out; nothing happens when there is none for this worker.

    ``task_id`` and ``queue`` are those of the bell. As many bells ring as there are tasks ready,
    and each makes a worker take one: the count stays right whichever is taken, except across
    queues, where the bell is passed on.
    """
    if context.stop_asked():
        return
    with context.at_work():
        found = dispatch.take(context.store, context.seeker, lambda over: tidy(context, over))
        if found is None:
            log.info("nothing to do for %s", task_id)
            return
        assignment = Assignment(*found)
        if assignment.job.queue != queue:
            context.bell.ring([Message("align", task_id, queue)])
        with bound_contextvars(task_id=assignment.lease.task.id, job_id=assignment.job.id):
            _carry_out(context, assignment)


def _carry_out(context: WorkerContext, assignment: Assignment) -> None:
    what = str(assignment.lease.task)
    log.info("%s: %s, attempt %s", assignment.job.id, what, assignment.lease.task.attempts)
    messages = _attempt(context, assignment)
    context.bell.ring(messages or _freed(context))
    tidy(context, assignment.job.id)


def _freed(context: WorkerContext) -> list[Message]:
    """A bell for what may be taken now, such as a job which waited for this one's end."""
    with context.store.read() as session:
        found = dispatch.best(session, context.seeker, context.store.settings)
    return [found] if found else []


def _attempt(context: WorkerContext, assignment: Assignment) -> list[Message]:
    """Run the task's step; every way in which it can end is told to the database."""
    lease = assignment.lease
    try:
        with LeaseKeeper(context, lease) as keeper:
            return STEPS[lease.task.kind](context, assignment, keeper)
    except (LeaseLostError, NotFoundError) as error:
        log.warning("%s was put aside: %s", lease.task.id, error)
    except Cancelled:
        with context.store.begin() as session:
            tasks.drop(session, lease)
    except StoppedError:
        return _give_back(context, lease, None)
    except (InputError, NumericalError, DamagedError) as error:
        with context.store.begin() as session:
            tasks.give_up(session, lease, str(error))
    except SubtomoError as error:
        log.warning("%s failed: %s", lease.task.id, error)
        _retry_later(context, _give_back(context, lease, str(error)))
    except Exception as error:
        log.exception("%s failed", lease.task.id)
        _retry_later(context, _give_back(context, lease, _unexpected(error)))
    return []


def _give_back(context: WorkerContext, lease: Lease, error: str | None) -> list[Message]:
    context.clear()
    with context.store.begin() as session:
        return tasks.give_back(
            session,
            lease,
            error=error,
            max_attempts=context.store.settings.max_attempts,
            pause_seconds=context.store.settings.retry_seconds,
        )


def _unexpected(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "the worker ran out of memory: use smaller batches or a machine with more"
    return f"an unexpected fault, see the worker's log ({type(error).__name__}: {error})"


def _retry_later(context: WorkerContext, messages: list[Message]) -> None:
    """Ring after the pause, without keeping the worker; if this process ends, others see it."""
    if messages:
        pause = context.store.settings.retry_seconds
        ring = partial(copy_context().run, context.bell.ring, messages)
        timer = threading.Timer(pause, ring)
        timer.daemon = True
        timer.start()


def tidy(context: WorkerContext, job_id: str) -> None:
    """Remove what only a running job needs, once it is over."""
    with context.store.read() as session:
        try:
            over = jobs.get(session, job_id).terminal
        except NotFoundError:
            over = True
    if over and folders.drop_batches(context.store, job_id):
        context.clear()
