"""Workers and their signs of life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.records import QueueName, Worker, copied
from subtomo_store.database.tables import WorkerRow

FORGET_AFTER = timedelta(days=1)


def beat(
    session: Session,
    *,
    worker_id: str,
    name: str,
    queues: Sequence[QueueName],
    host: str,
    namespace: str,
    pid: int,
    born: float,
    threads: int,
    parent: tuple[int, float] | None = None,
) -> None:
    """Write a sign of life; the first one makes the row, and old rows go.

    What tells the process, and its ``parent``, from others is explained at `records.Worker`.
    """
    moment = now(session)
    row = session.get(WorkerRow, worker_id)
    if row is None:
        session.execute(delete(WorkerRow).where(WorkerRow.heartbeat < moment - FORGET_AFTER))
        session.add(
            WorkerRow(
                id=worker_id,
                name=name,
                queues=list(queues),
                host=host,
                namespace=namespace,
                pid=pid,
                born=born,
                parent_pid=parent[0] if parent else None,
                parent_born=parent[1] if parent else None,
                threads=threads,
                started=moment,
                heartbeat=moment,
            )
        )
        return
    row.heartbeat = moment


def leave(session: Session, worker_id: str) -> None:
    """Forget a worker which ends in good order."""
    session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))


def alive(session: Session, within_seconds: float = 30.0) -> list[Worker]:
    """Workers with a sign of life in the last ``within_seconds``, oldest first."""
    since = now(session) - timedelta(seconds=within_seconds)
    query = select(WorkerRow).where(WorkerRow.heartbeat >= since).order_by(WorkerRow.started)
    return [copied(Worker, row) for row in session.scalars(query)]


def on_host(session: Session, host: str) -> list[Worker]:
    """Every worker of a host which has not left, dead ones included."""
    query = select(WorkerRow).where(WorkerRow.host == host).order_by(WorkerRow.started)
    return [copied(Worker, row) for row in session.scalars(query)]
