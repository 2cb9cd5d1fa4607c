"""What the rules do not keep, and that it frees the disk."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from sqlalchemy import update

from subtomo_store.database.engine import now
from subtomo_store.database.tables import DatasetRow, UploadRow
from subtomo_store.datasets import datasets, uploads
from subtomo_store.datasets.removal import remove_dataset
from subtomo_store.errors import NotFoundError
from subtomo_store.files import incoming
from subtomo_store.files.data_folder import folder_size
from subtomo_store.jobs import iterations, jobs
from subtomo_store.upkeep import retention
from support.ended_jobs import ended_job
from support.records import REGION, new_job, opened, ready_dataset, user_named


@pytest.fixture
def kept(tmp_path, database_url):
    """A store which keeps for a day."""
    rules = {"keep_iterations_days": 1, "keep_open_days": 1}
    with opened(tmp_path / "data", database_url, **rules) as made:
        yield made


def gone(store, job) -> list[int]:
    found = retention.plan(store)
    return [one.iteration for one in found if one.record_id == job.id and one.iteration is not None]


def test_the_last_iteration_and_the_best_of_each_class_are_kept(kept):
    job = ended_job(kept, [[40, 40], [20, 35], [22, 30], [25, None], [24, 33]])
    assert gone(kept, job) == [0, 3]
    young = ended_job(kept, [[40], [20], [30]], days=0.5)
    assert gone(kept, young) == []


def test_an_iteration_from_which_a_job_waits_to_start_is_kept(kept):
    job = ended_job(kept, [[40], [30], [20], [30]])
    assert gone(kept, job) == [0, 1]
    with kept.begin() as session:
        user = user_named(session)
        start = {"kind": "job", "job": job.id, "iteration": 1}
        dataset = datasets.get(session, job.dataset_id)
        new_job(session, dataset, user, start=start)
    assert gone(kept, job) == [0]


def test_a_dry_run_changes_nothing_and_applying_frees_the_bytes(kept):
    job = ended_job(kept, [[40], [30], [20], [30]])
    before = folder_size(kept.files.job(job.id))
    first = retention.plan(kept)
    assert retention.plan(kept) == first
    assert folder_size(kept.files.job(job.id)) == before
    assert retention.clean(kept) == sum(one.size for one in first) == 18
    assert folder_size(kept.files.job(job.id)) == before - 18
    assert retention.plan(kept) == []
    with kept.read() as session:
        assert [i.number for i in iterations.published(session, job.id)] == [0, 1, 2, 3]
        assert iterations.files(session, job.id, 0) == []
        assert len(iterations.files(session, job.id, 2)) == 1
        retention.require_kept(session, job.id, 2)
        with pytest.raises(NotFoundError, match="cleaned up: kept are 2, 3"):
            retention.require_kept(session, job.id, 0)


def test_a_file_which_somebody_reads_is_read_to_its_end(kept):
    job = ended_job(kept, [[40], [30]])
    with kept.files.iteration_file(job.id, 0, "m").open("rb") as file:
        assert file.read(3) == b"123"
        retention.clean(kept)
        assert not kept.files.iteration(job.id, 0).exists()
        assert file.read() == b"456789"


def test_datasets_which_nobody_fills_go_and_others_stay(kept):
    with kept.begin() as session:
        user = user_named(session)
        made = [
            datasets.create(session, user_id=user.id, name=name, missing=REGION).id
            for name in ("old", "fed", "young")
        ]
        datasets.add_file(session, made[0], "x", 5, "0" * 64)
        ready = ready_dataset(session, user).id
        past = now(session) - timedelta(days=2)
        old = DatasetRow.id.in_([*made[:2], ready])
        session.execute(update(DatasetRow).where(old).values(touched=past))
        uploads.create(session, dataset_id=made[1], name="y", size=9, sha256=None, days=1)
    kept.files.upload(made[0], "x").parent.mkdir(parents=True)
    kept.files.upload(made[0], "x").write_bytes(b"12345")
    (one,) = retention.plan(kept)
    assert (one.record_id, one.size) == (made[0], 5)
    retention.clean(kept)
    assert not kept.files.dataset(made[0]).exists()
    with kept.read() as session:
        assert {d.id for d in datasets.page(session, user.id).items} == {made[1], made[2], ready}


def test_an_upload_which_expired_goes(kept):
    with kept.begin() as session:
        user = user_named(session)
        dataset = datasets.create(session, user_id=user.id, name="x", missing=REGION)
        made = uploads.create(session, dataset_id=dataset.id, name="y", size=9, sha256=None, days=7)
        incoming.begin(kept.files.incoming(made.id))
    kept.files.incoming(made.id).write_bytes(b"1234")
    assert retention.plan(kept) == []
    with kept.begin() as session:
        past = now(session) - timedelta(days=1)
        session.execute(update(UploadRow).values(expires=past))
        with pytest.raises(NotFoundError, match="expired"):
            uploads.get(session, made.id, dataset.id)
    assert retention.clean(kept) == 4
    assert not kept.files.incoming(made.id).exists()


def test_only_a_person_removes_files_without_a_record(kept):
    job = ended_job(kept, [[40]])
    strays = [kept.files.job("job_lost"), kept.files.dataset("ds_lost"), kept.files.map("map_lost")]
    for path in strays:
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"12")
        else:
            path.mkdir(parents=True)
        os.utime(path, (1, 1))
    young = kept.files.job("job_young")
    young.mkdir()
    assert retention.clean(kept) == 0
    found = retention.plan(kept, with_orphans=True)
    assert {one.path for one in found} == set(strays)
    for one in found:
        retention.apply(kept, one)
    assert not any(path.exists() for path in strays)
    assert young.exists()
    assert kept.files.job(job.id).exists()


def test_deleting_frees_the_disk_at_once(kept):
    job = ended_job(kept, [[40]])
    with kept.begin() as session:
        user = user_named(session)
        jobs.remove(session, job.id, user.id)
    kept.files.delete_job(job.id)
    kept.files.dataset(job.dataset_id).mkdir(parents=True)
    (kept.files.dataset(job.dataset_id) / "particles.mrcs").write_bytes(b"x" * 1000)
    before = folder_size(kept.files.root / "datasets")
    remove_dataset(kept, job.dataset_id, user.id)
    assert before - folder_size(kept.files.root / "datasets") == 1000
    assert not kept.files.job(job.id).exists()
