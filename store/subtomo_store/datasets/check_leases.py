"""Which server checks that dataset: a lease, as for tasks, since several servers may run.

A dataset in the state ``checking`` that nobody holds is anybody's: its server was killed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from subtomo_store.database.engine import now
from subtomo_store.database.tables import CheckRow, DatasetRow


def claim(session: Session, dataset_id: str, server: str, seconds: float) -> bool:
    """Take the check of a dataset; False when it is over or another server is at it."""
    dataset = session.scalar(
        select(DatasetRow)
        .where(DatasetRow.id == dataset_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if dataset is None or dataset.status != "checking":
        return False
    moment = now(session)
    row = session.get(CheckRow, dataset_id)
    if row is not None and row.lease_until > moment:
        return False
    until = moment + timedelta(seconds=seconds)
    session.merge(CheckRow(dataset_id=dataset_id, server=server, lease_until=until))
    return True


def renew(session: Session, server: str, dataset_ids: Collection[str], seconds: float) -> None:
    """Keep the checks that a server is at."""
    session.execute(
        update(CheckRow)
        .where(CheckRow.server == server, CheckRow.dataset_id.in_(dataset_ids))
        .values(lease_until=now(session) + timedelta(seconds=seconds))
        .execution_options(synchronize_session=False)
    )


def let_go(session: Session, dataset_id: str, server: str) -> bool:
    """End a check; False when it belongs to another server by now, or the dataset is gone.

    What was found may be written only in the transaction in which this was true.
    """
    gone = delete(CheckRow).where(CheckRow.dataset_id == dataset_id, CheckRow.server == server)
    return session.execute(gone.returning(CheckRow.dataset_id)).first() is not None


def unattended(session: Session) -> list[str]:
    """Datasets that wait for their check, and which no server holds; oldest first."""
    held = select(CheckRow.dataset_id).where(CheckRow.lease_until > now(session))
    query = (
        select(DatasetRow.id)
        .where(DatasetRow.status == "checking", DatasetRow.id.not_in(held))
        .order_by(DatasetRow.created)
    )
    return list(session.scalars(query))
