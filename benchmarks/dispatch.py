"""What choosing the next task costs with a long queue: ``python benchmarks/dispatch.py [URL]``.

Without a URL on SQLite; with one on that (empty) PostgreSQL database.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert, text

from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge
from subtomo_store import Settings, Store, open_store
from subtomo_store.database.identity import new_id
from subtomo_store.database.tables import TaskRow
from subtomo_store.datasets import datasets
from subtomo_store.jobs import dispatch, iterations, jobs, queue_state
from subtomo_store.people import groups, users

USERS, QUEUED, RUNNING, BATCHES = 50, 1000, 40, 2000
SEEKER = dispatch.Seeker("worker_1", "here", dispatch.QUEUES)


def main() -> None:
    """Fill a store, and time what workers and users ask of it."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else None
        store = open_store(Settings(data=Path(folder), database_url=url))
        store.migrate()
        last = fill(store)
        told("choose the best task", lambda: best(store))
        told("take it", lambda: take(store))
        told("place of a waiting job", lambda: place(store, last))
        store.close()


def fill(store: Store) -> str:
    """Queue jobs of many users, some of them running; the id of the last one."""
    with store.begin() as session:
        owner = users.ensure(session, "curator")
        lab = groups.create(session, "lab", owner.id)
        region = Wedge(tilt_min_deg=-60, tilt_max_deg=60)
        made = datasets.create(session, user_id=owner.id, name="dots", missing=region)
        datasets.start_check(session, made.id, owner.id)
        found = DatasetSummary(
            particles=BATCHES * 10, box=32, voxel_size_angstrom=5.0, missing=region
        )
        dataset = datasets.accept(session, made.id, summary=found)
        dataset = datasets.move_to_group(session, dataset.id, owner.id, lab.name)
        people = [users.ensure(session, f"user {n}") for n in range(USERS)]
        for one in people:
            groups.set_member(session, None, lab.name, one.id, "editor")
        wanted = {"algorithm": "faml", "dataset": dataset.id, "batch_particles": 10}
        spec = resolve(job_spec_adapter.validate_python(wanted), dataset.summary)
        for number in range(QUEUED + RUNNING):
            owner = people[number % USERS]
            last = jobs.create(session, user_id=owner.id, dataset=dataset, spec=spec).job.id
    ranges = iterations.cut(BATCHES * 10, 10)
    for _ in range(RUNNING):
        given = dispatch.take(store, SEEKER)
        assert given is not None
        with store.begin() as session:
            iterations.begin(session, given.lease, ranges, window=8, seconds=0.1)
            session.execute(insert(TaskRow), done(given.job.id))
    with store.begin() as session:
        session.execute(text("ANALYZE"))
    return last


def done(job_id: str) -> list[dict[str, object]]:
    """Tasks of an earlier iteration."""
    common = {"job_id": job_id, "iteration": 99, "kind": "align", "first": 0, "last": 10}
    state = {"state": "done", "attempts": 1, "fence": 1, "particles_done": 10}
    return [{"id": new_id("task"), "batch": n, **common, **state} for n in range(BATCHES)]


def best(store: Store) -> None:
    """Choose."""
    with store.read() as session:
        assert dispatch.best(session, SEEKER, store.settings) is not None


def take(store: Store) -> None:
    """Choose and take."""
    assert dispatch.take(store, SEEKER) is not None


def place(store: Store, job_id: str) -> None:
    """Why a job waits, and where."""
    with store.read() as session:
        assert queue_state.waiting(session, jobs.get(session, job_id), store.settings) is not None


def told(what: str, call: Callable[[], None], times: int = 40) -> None:
    """Print the median and the longest of some calls."""
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        spans.append(1000 * (time.perf_counter() - began))
    print(f"{what}: {statistics.median(spans):.1f} ms, at most {max(spans):.1f} ms")


if __name__ == "__main__":
    main()
