"""Jobs as they are told over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from subtomo_server.jobs.schemas import (
    JobDocument,
    OriginDocument,
    ProgressDocument,
    QueueDocument,
    WebhookDocument,
)
from subtomo_store.config.settings import Settings
from subtomo_store.database.records import Job
from subtomo_store.jobs import queue_state, webhooks
from subtomo_store.jobs.progress import progress_of

Look = Callable[[], queue_state.Standing]


def documents(
    session: Session, found: Sequence[Job], settings: Settings, stands: Look | None = None
) -> list[JobDocument]:
    """Jobs of a list, in its order; ``stands`` gives how everything stands, if that is known."""
    hooks = webhooks.of_jobs(session, [job.id for job in found])
    stands = stands or cache(lambda: queue_state.look(session))
    return [_document(session, job, settings, hooks.get(job.id), stands) for job in found]


def document(
    session: Session, job: Job, settings: Settings, stands: Look | None = None
) -> JobDocument:
    """One job."""
    return documents(session, [job], settings, stands)[0]


def _document(
    session: Session, job: Job, settings: Settings, hook: webhooks.Webhook | None, stands: Look
) -> JobDocument:
    waiting = queue_state.waiting(session, job, settings, stands)
    queue = QueueDocument(name=job.queue, **(waiting._asdict() if waiting else {}))
    origin = job.continues and OriginDocument(job=job.continues, iteration=job.first_iteration - 1)
    return JobDocument(
        id=job.id,
        name=job.name,
        owner=job.owner,
        group=job.group,
        dataset=job.dataset_id,
        status=job.status,
        status_reason=queue.reason if job.status == "queued" else job.status_reason,
        priority=job.priority,
        queue=queue,
        continues=origin or None,
        webhook=None if hook is None else _told(hook),
        spec=job.spec,
        progress=ProgressDocument.model_validate(progress_of(session, job)),
        created=job.created,
        started=job.started,
        finished=job.finished,
    )


def _told(hook: webhooks.Webhook) -> WebhookDocument:
    """Without the path: whoever may look at a job may not therefore call what its owner named."""
    return WebhookDocument(
        host=urlsplit(hook.url).hostname or "",
        state=hook.state,
        attempts=hook.attempts,
        error=hook.error,
        delivered=hook.delivered,
    )
