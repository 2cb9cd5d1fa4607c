"""Users, tokens, datasets, maps, workers and idempotency keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.missing_region import Cone
from subtomo_store.database.engine import now
from subtomo_store.database.records import Answer
from subtomo_store.datasets import datasets, maps
from subtomo_store.errors import ConflictError, IdempotencyError, NotFoundError, StorageError
from subtomo_store.jobs import idempotency, jobs, workers
from subtomo_store.people import access
from support.racing import at_once
from support.records import REGION, SUMMARY, new_job, opened, ready_dataset, user_named


def test_a_token_opens_for_its_user_only_and_is_not_kept(store):
    with store.begin() as session:
        user = user_named(session)
        assert user_named(session) == user
        token, key = access.create_token(session, user.id, "laptop")
        assert access.authenticate(session, key) == (user, token)
        assert access.authenticate(session, key, "browser") is None
        assert access.authenticate(session, key + "x") is None
        access.note_use(session, token.id)
    with store.read() as session:
        kept = session.execute(text("select * from tokens")).all()
        assert key not in str(kept)
        assert access.tokens(session, user.id)[0].last_used is not None
    with store.begin() as session:
        access.revoke(session, user.id, token.id)
        assert access.authenticate(session, key) is None
        with pytest.raises(NotFoundError):
            access.revoke(session, user.id, token.id)


def test_an_expired_token_opens_nothing(store):
    with store.begin() as session:
        user = user_named(session)
        past = now(session) - timedelta(seconds=1)
        _, key = access.create_token(session, user.id, "old", expires=past)
        assert access.authenticate(session, key) is None


def test_a_dataset_goes_from_open_to_ready(store):
    with store.begin() as session:
        user = user_named(session)
        made = datasets.create(session, user_id=user.id, name="ribosomes", missing=REGION)
        datasets.add_file(session, made.id, "a.mrc", 10, "0" * 64)
        datasets.add_file(session, made.id, "a.mrc", 12, "1" * 64)
        assert [file.size for file in datasets.files(session, made.id)] == [12]
        changed = datasets.change(session, made.id, user.id, missing=Cone(half_angle_deg=30))
        assert changed.missing["kind"] == "cone"
        datasets.start_check(session, made.id, user.id)
        with pytest.raises(ConflictError, match="its files can no longer change"):
            datasets.add_file(session, made.id, "b.mrc", 1, "2" * 64)
        datasets.reject(session, made.id, [Problem("too small", file="a.mrc", row=3)])
        rejected = datasets.get(session, made.id, user.id)
        assert rejected.problems[0]["row"] == 3
        datasets.add_file(session, made.id, "b.mrc", 1, "2" * 64)
        datasets.start_check(session, made.id, user.id)
        ready = datasets.accept(session, made.id, summary=SUMMARY)
    assert ready.summary == SUMMARY
    assert ready.sealed is not None
    assert ready.sealed.tzinfo is not None


def test_a_sealed_dataset_keeps_its_physics(store):
    with store.begin() as session:
        user = user_named(session)
        dataset = ready_dataset(session, user)
        assert datasets.change(session, dataset.id, user.id, name="new").name == "new"
        with pytest.raises(ConflictError, match="only its name"):
            datasets.change(session, dataset.id, user.id, voxel_size_angstrom=3.0)
        with pytest.raises(ConflictError):
            datasets.start_check(session, dataset.id, user.id)


def test_a_dataset_in_use_is_not_deleted(store):
    with store.begin() as session:
        user = user_named(session)
        dataset = ready_dataset(session, user)
        job = new_job(session, dataset, user).job
        with pytest.raises(ConflictError, match="1 job uses"):
            datasets.remove(session, dataset.id, user.id)
        with pytest.raises(ConflictError, match="cancel it"):
            jobs.remove(session, job.id, user.id)
        jobs.cancel(session, job.id, user.id)
        jobs.remove(session, job.id, user.id)
        datasets.remove(session, dataset.id, user.id)
        with pytest.raises(NotFoundError):
            datasets.get(session, dataset.id)


def test_nobody_sees_what_belongs_to_others(store):
    with store.begin() as session:
        ada, eve = user_named(session, "ada"), user_named(session, "eve")
        dataset = ready_dataset(session, ada)
        job = new_job(session, dataset, ada).job
        with pytest.raises(NotFoundError):
            datasets.get(session, dataset.id, eve.id)
        for call in (jobs.get, jobs.cancel, jobs.remove):
            with pytest.raises(NotFoundError):
                call(session, job.id, eve.id)
        assert datasets.page(session, eve.id).items == []
        assert jobs.page(session, eve.id).items == []


def test_pages_hold_everything_once_newest_first(store):
    with store.begin() as session:
        user = user_named(session)
        made = [
            datasets.create(session, user_id=user.id, name=str(index), missing=REGION).id
            for index in range(7)
        ]
    seen, cursor = [], None
    with store.begin() as session:
        while True:
            page = datasets.page(session, user.id, limit=3, cursor=cursor)
            seen += [dataset.id for dataset in page.items]
            datasets.create(session, user_id=user.id, name="meanwhile", missing=REGION)
            cursor = page.cursor
            if cursor is None:
                break
    assert sorted(seen) == sorted(made)
    with store.read() as session, pytest.raises(InputError, match="cursor"):
        datasets.page(session, user.id, cursor="nonsense")


def test_maps(store):
    with store.begin() as session:
        user = user_named(session)
        made = maps.create(
            session,
            user_id=user.id,
            name="start.mrc",
            box=16,
            voxel_size_angstrom=5.0,
            size=1,
            sha256="0" * 64,
        )
        assert maps.page(session, user.id).items == [made]
        maps.remove(session, made.id, user.id)
        with pytest.raises(NotFoundError):
            maps.get(session, made.id)


def beat(session, worker, host="here"):
    known = {"name": host, "queues": ("cpu",), "host": host, "namespace": ""}
    workers.beat(session, worker_id=worker, **known, pid=1, born=2.5, threads=2)


def test_workers_are_known_by_their_host(store):
    with store.begin() as session:
        beat(session, "worker_1")
        beat(session, "worker_2", host="there")
        (found,) = workers.on_host(session, "here")
    assert (found.id, found.pid, found.born) == ("worker_1", 1, 2.5)


def test_a_worker_is_alive_while_it_beats(store):
    with store.begin() as session:
        for _ in range(2):
            beat(session, "worker_1")
        assert [worker.id for worker in workers.alive(session)] == ["worker_1"]
        assert workers.alive(session, within_seconds=-1.0) == []
        workers.leave(session, "worker_1")
        assert workers.alive(session) == []


def test_a_repeated_request_is_carried_out_once(store):
    with store.begin() as session:
        user = user_named(session)
    made = []

    def make(_session):
        made.append(1)
        return Answer(201, {"id": "job_1"})

    first = idempotency.once(store, user.id, "key", "a" * 64, make)
    again = idempotency.once(store, user.id, "key", "a" * 64, make)
    assert (first.answer, first.repeated) == (Answer(201, {"id": "job_1"}), False)
    assert (again.answer, again.repeated) == (first.answer, True)
    assert len(made) == 1
    with pytest.raises(IdempotencyError, match="another body"):
        idempotency.once(store, user.id, "key", "b" * 64, make)


def test_the_same_request_at_the_same_moment_leaves_one_job(store):
    with store.begin() as session:
        user = user_named(session)
        dataset = ready_dataset(session, user)

    def make(session):
        return Answer(201, {"id": new_job(session, dataset, user).job.id})

    outcomes = at_once(lambda _: idempotency.once(store, user.id, "key", "a" * 64, make))
    with store.read() as session:
        (job,) = jobs.page(session, user.id).items
    assert {outcome.answer.response["id"] for outcome in outcomes} == {job.id}
    assert [outcome.repeated for outcome in outcomes].count(False) == 1


def test_a_full_disk_below_the_database_is_told_and_changes_nothing(tmp_path):
    with opened(tmp_path, f"sqlite:///{tmp_path}/subtomo.db") as store:
        with store.begin() as session:
            session.execute(text("PRAGMA max_page_count = 1"))  # no page more than there are
        with pytest.raises(StorageError, match="the disk is full"), store.begin() as session:
            user_named(session, "x" * 10**6)
        with store.read() as session:
            assert session.scalar(text("SELECT count(*) FROM users")) == 0
