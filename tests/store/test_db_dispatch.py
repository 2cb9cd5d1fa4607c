"""Which task is handed out: priorities, shares between users, limits, queues; nobody starves."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event, text, update

from subtomo_core.errors import InputError
from subtomo_store.database.engine import now
from subtomo_store.database.people_tables import UserRow
from subtomo_store.database.tables import JobRow
from subtomo_store.jobs import dispatch, drains, iterations, jobs, losses, tasks
from subtomo_store.jobs.orders import Orders
from subtomo_store.people import users
from support.racing import at_once
from support.records import new_job, opened, ready_dataset, user_named

BOTH = dispatch.Seeker("worker_1", "here", ("cpu", "preview"))


@pytest.fixture
def house(store):
    """Puts jobs of users into the queue and plays the workers."""
    return House(store)


class House:
    def __init__(self, store):
        self.store = store
        with store.begin() as session:
            self.dataset = ready_dataset(session, user_named(session, "curator"))

    def post(self, user="ada", priority=50, queue="cpu"):
        with self.store.begin() as session:
            orders = Orders(priority=priority, queue=queue)
            return new_job(
                session, self.dataset, users.ensure(session, user, "admin"), orders
            ).job.id

    def limit(self, user, **limits):
        with self.store.begin() as session:
            found = users.ensure(session, user, "admin")
            session.execute(update(UserRow).where(UserRow.id == found.id).values(**limits))

    def take(self, seeker=BOTH):
        return dispatch.take(self.store, seeker)

    def end(self, given):
        """Carry a task out: a begin opens four batches of the one iteration shown here."""
        with self.store.begin() as session:
            if given.lease.task.kind == "begin":
                ranges = [iterations.Range(n, n + 1) for n in range(1000)]
                iterations.begin(session, given.lease, ranges, window=4, seconds=0.1)
            else:
                iterations.finish_batch(session, given.lease, seconds=0.1)

    def served(self, count, seeker=BOTH):
        """Owners and jobs of the next tasks of one worker, one after the other."""
        found = []
        for _ in range(count):
            given = self.take(seeker)
            if given is None:
                break
            found.append(given.job.id)
            self.end(given)
        return found

    def wait(self, **span):
        """Let time pass: what was served or made then lies so much longer ago."""
        past = timedelta(**span)
        with self.store.begin() as session:
            for row in session.query(JobRow):
                row.created -= past
                row.served = row.served and row.served - past


def test_the_higher_priority_first_then_the_older(house):
    usual, high, low, later = [house.post(priority=p) for p in (50, 90, 10, 50)]
    taken = [house.take().job.id for _ in range(4)]
    assert taken == [high, usual, later, low]


def test_users_share_alike_however_many_jobs_they_have(house):
    first, *_ = [house.post("ada") for _ in range(4)]
    one = house.post("bob")
    order = house.served(40)
    assert order.count(one) == pytest.approx(20, abs=1)
    assert order[0] == first  # each user's own jobs one after the other


def test_the_user_with_the_least_running_work_is_next(house):
    house.limit("ada", running_jobs=9)
    ada, bob = [house.post("ada") for _ in range(9)], house.post("bob")
    held = [house.take() for _ in range(2)]
    assert [given.job.id for given in held] == [ada[0], bob]
    house.end(held[1])
    owners = Counter(house.take().job.user_id for _ in range(7))
    assert sorted(owners.values()) == [3, 4]  # ada held one already


def test_no_low_priority_starves(house):
    low = house.post("bob", priority=0)
    house.post("ada", priority=30)
    order = []
    for _ in range(100):
        order += house.served(1)
        house.wait(minutes=1)
    assert 2 <= order.count(low) <= 5


def test_no_own_job_of_low_priority_starves(house):
    low, high = house.post(priority=0), house.post(priority=30)
    order = []
    for _ in range(100):
        order += house.served(1)
        house.wait(minutes=1)
    assert 2 <= order.count(low) <= 5
    assert order.count(high) > 90


def test_no_user_has_more_running_than_allowed(house):
    house.limit("ada", running_jobs=2)
    mine = [house.post("ada") for _ in range(4)]
    other = house.post("bob")
    taken = [given.job.id for given in iter(house.take, None)]
    assert sorted(taken) == sorted([*mine[:2], other])
    with house.store.begin() as session:
        owner = jobs.get(session, mine[0]).user_id
        assert dispatch.running(session, owner, "cpu") == 2
        jobs.cancel(session, mine[0], owner)
    assert house.take() is None  # it is still stopping
    with house.store.begin() as session:
        losses.release(session, "worker_1", machine_lived=True)
    assert mine[2] in [given.job.id for given in iter(house.take, None)]


def test_the_limit_holds_when_many_ask_at_once(house):
    house.limit("ada", running_jobs=3)
    for _ in range(8):
        house.post("ada")

    def reach(number):
        return dispatch.take(house.store, dispatch.Seeker(f"worker_{number}", "here", ("cpu",)))

    taken = at_once(reach, 6)
    got = [given.lease.task.id for given in taken if given]
    assert len(got) == len(set(got)) == 3


def test_a_preview_starts_at_once_next_to_long_jobs(house):
    house.limit("ada", running_jobs=1)
    long = house.post("ada", priority=50)
    assert house.served(3) == [long] * 3
    first, second = house.post("ada", queue="preview"), house.post("ada", queue="preview")
    given = house.take()
    assert given.job.id == first
    only = dispatch.Seeker("worker_2", "here", ("preview",))
    assert house.take(only) is None  # one preview a user
    assert house.take(dispatch.Seeker("worker_3", "here", ("cpu",))).job.id == long
    with house.store.begin() as session:
        jobs.cancel(session, first, given.job.user_id)
        tasks.drop(session, given.lease)
    assert house.take(only).job.id == second


def test_a_drain_hands_out_nothing_and_lets_finish(house):
    job = house.post()
    held = house.take()
    with house.store.begin() as session:
        drains.drain(session, "new disks")
        assert drains.at_work(session) == 1
    house.end(held)
    assert house.take() is None
    with house.store.begin() as session:
        assert drains.drained(session, "here").reason == "new disks"
        assert drains.undrain(session)
        assert not drains.undrain(session)
        drains.drain(session, "a fan is loud", "node7")
    assert house.take(dispatch.Seeker("worker_2", "node7", ("cpu",))) is None
    assert house.take().job.id == job


def test_queues_by_name():
    assert dispatch.queues_in("preview, cpu") == ("cpu", "preview")
    for wrong in ("", "gpu", "cpu,gpu"):
        with pytest.raises(InputError, match="choose from cpu, preview"):
            dispatch.queues_in(wrong)


def test_a_thousand_queued_jobs_cost_little(tmp_path, database_url):
    """Choosing is one query which reads no task of a job that is over, and no done one."""
    with opened(tmp_path, database_url) as store:
        house = House(store)
        for name in ("ada", "bob"):
            house.limit(name, running_jobs=1000)
        with store.begin() as session:
            owners = [users.ensure(session, name, "admin") for name in ("ada", "bob")]
            for number in range(1000):
                new_job(session, house.dataset, owners[number % 2])
        for _ in range(3):
            house.end(house.take())
        with store.begin() as session:
            session.execute(text("ANALYZE"))
        statements = []

        def note(_connection, _cursor, statement, *_rest):
            statements.append(statement)

        event.listen(store.engine, "before_cursor_execute", note)
        with store.read() as session:
            dispatch.best(session, BOTH, store.settings)
        event.remove(store.engine, "before_cursor_execute", note)
        assert len([one for one in statements if "FROM tasks" in one]) == 1
        assert "tasks" in _plan(store)
        assert "SCAN tasks" not in _plan(store).replace("SCAN tasks USING", "")
        assert "Seq Scan on tasks" not in _plan(store)


def _plan(store):
    with store.read() as session:
        query = dispatch.candidates(now(session), ("cpu", "preview"), store.settings)
        compiled = query.compile(store.engine, compile_kwargs={"literal_binds": True})
        how = "EXPLAIN QUERY PLAN" if store.engine.dialect.name == "sqlite" else "EXPLAIN"
        rows = session.connection().exec_driver_sql(f"{how} {compiled}".replace("%%", "%"))
        return "\n".join(str(row) for row in rows)
