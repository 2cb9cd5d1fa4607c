"""What an answer costs does not depend on how much is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from subtomo_store.database.engine import Store
from subtomo_store.jobs import jobs
from subtomo_store.jobs.progress import progress_of
from subtomo_store.upkeep import census
from support.records import new_job, opened, ready_dataset, user_named


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """Statements sent meanwhile."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def statements(store: Store, job_id: str) -> tuple[int, int]:
    """Of reading a job with its progress, and of counting everything."""
    with counted(store) as poll, store.read() as session:
        progress_of(session, jobs.get(session, job_id))
    with counted(store) as scrape, store.read() as session:
        census.take(session)
    return len(poll), len(scrape)


def test_a_poll_and_a_scrape_cost_the_same_with_many_jobs(tmp_path, database_url):
    with opened(tmp_path, database_url) as store:

        def add(count: int) -> str:
            with store.begin() as session:
                user = user_named(session)
                dataset = ready_dataset(session, user)
                made = [new_job(session, dataset, user).job.id for _ in range(count)]
            return made[0]

        first = add(1)
        few = statements(store, first)
        add(60)
        assert statements(store, first) == few
        # A transaction's own statements on SQLite, and the question for the time on PostgreSQL.
        assert few[0] <= 6
        assert few[1] <= 9
