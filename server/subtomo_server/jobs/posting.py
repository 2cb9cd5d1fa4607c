"""From a request for a job to its record: what every way of starting one shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeVar

from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.checks import remarks
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_server.http.words import duration
from subtomo_server.jobs.estimates import estimate
from subtomo_server.jobs.posted_job import Handling, PostedJob
from subtomo_server.jobs.resolving import resolved
from subtomo_server.webhooks.targets import check_target
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Dataset
from subtomo_store.jobs import events, jobs
from subtomo_store.jobs.orders import USUAL_PRIORITY, Orders, Origin
from subtomo_store.people import quotas
from subtomo_store.people.limits import limits_of

T = TypeVar("T")


class Wanted(NamedTuple):
    """A job that may be made: everything about it was checked."""

    dataset: Dataset
    spec: AnySpec
    orders: Orders


def wanted(session: Session, store: Store, user: User, posted: PostedJob) -> Wanted:
    """Check a request for a new job, and fill in its defaults.

    Raises
    ------
    InputError
        If something in it does not fit, with a pointer to the field.
    """
    problems: list[Problem] = []
    found = _noting(problems, lambda: resolved(session, store.files, user, posted.spec))
    orders = _noting(problems, lambda: orders_of(session, store, user, posted.handling))
    if found is None or orders is None:
        raise InputError(*problems)
    dataset, full = found
    check_queue(store, orders, full, dataset.summary)
    return Wanted(dataset, full, replace(orders, asked=posted.asked))


def _noting(problems: list[Problem], check: Callable[[], T]) -> T | None:
    """What a check finds; None where it notes problems."""
    try:
        return check()
    except InputError as error:
        problems += error.problems
        return None


def orders_of(
    session: Session, store: Store, user: User, handling: Handling, continues: Origin | None = None
) -> Orders:
    """Check the handling against what the user may have.

    Raises
    ------
    InputError
        With a pointer to the field.
    """
    problems: list[Problem] = []
    priority, webhook = handling.priority, handling.webhook
    if priority is not None:
        _noting(problems, lambda: check_priority(session, store, user, priority))
    if webhook is not None:
        _noting(problems, lambda: check_target(webhook, store.settings.webhook_hosts))
    if problems:
        raise InputError(*problems)
    usual = min(USUAL_PRIORITY, highest_priority(session, store, user))
    return Orders(
        priority=usual if priority is None else priority,
        queue=handling.queue,
        webhook=webhook,
        continues=continues,
        group=handling.group,
    )


def highest_priority(session: Session, store: Store, user: User) -> int:
    """Highest priority that the user may give."""
    return limits_of(session, user.id, store.settings).highest_priority


def check_priority(session: Session, store: Store, user: User, wanted: int) -> None:
    """Refuse a priority that is not the user's to give.

    Raises
    ------
    InputError
        With a pointer to the field.
    """
    highest = highest_priority(session, store, user)
    if wanted > highest:
        detail = (
            f"a priority of {wanted} is above {highest}, the highest which you may give: "
            f"choose from 0 to {highest}"
        )
        raise InputError(Problem(detail, pointer="/priority"))


def check_queue(store: Store, orders: Orders, spec: AnySpec, summary: DatasetSummary) -> None:
    """Keep long jobs out of the queue for small ones.

    Raises
    ------
    InputError
        If the job's estimate is longer than the queue takes.
    """
    if orders.queue != "preview":
        return
    first = orders.continues.iteration if orders.continues else 0
    left = spec.model_copy(update={"iterations": max(1, spec.iterations - first)})
    seconds = estimate(left, summary, store.settings.threads).seconds
    longest = store.settings.preview_seconds
    if seconds > longest:
        detail = (
            f"a job of about {duration(seconds)} is too long for the queue preview, which takes "
            f"jobs of up to {duration(longest)}: leave queue out"
        )
        raise InputError(Problem(detail, pointer="/queue"))


def make(session: Session, store: Store, user: User, job: Wanted) -> jobs.NewJob:
    """Write the record of a job that was checked, and hold the disk which it may take.

    What fits and is hardly meant is noted in the job.

    Raises
    ------
    QuotaError
        If the user's quota does not hold that.
    ConflictError
        If the dataset is not ready.
    """
    disk = estimate(job.spec, job.dataset.summary, store.settings.threads).disk_bytes
    quotas.check(session, user.id, store.settings, more=disk)
    made = jobs.create(
        session,
        user_id=user.id,
        dataset=job.dataset,
        spec=job.spec,
        orders=job.orders,
        disk_bytes=disk,
    )
    for remark in remarks(job.spec, job.dataset.summary):
        events.append(session, made.job.id, "note", {"iteration": None, "detail": remark.detail})
    return made
