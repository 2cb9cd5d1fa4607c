"""A job's way through a real worker."""

from __future__ import annotations

import json

import numpy as np

from subtomo_store import maps, workers
from subtomo_store.formats.mrc import read_volume, write_volume
from subtomo_store.formats.star import read_particles
from support.services import wait_until


def test_a_job_ends_with_its_files_and_events(place, standard):
    job = place.submit(**standard)
    worker = place.worker()
    ended = place.wait(job)
    assert (ended.status, ended.status_reason, ended.iteration) == ("succeeded", None, 2)
    assert worker.terminate() == 0
    files = place.store.files
    folder = files.iteration(job.id, 2)
    expected = {"model.npz", "poses.npz", "particles.star", "fsc.json", "metrics.json"}
    expected |= {"slices.png"}
    expected |= {f"class_{k}{p}.mrc" for k in (1, 2) for p in ("", "_half_1", "_half_2")}
    assert {path.name for path in folder.iterdir()} == expected
    assert json.loads((files.job(job.id) / "spec.json").read_text()) == job.spec
    assert not (files.job(job.id) / "batches").exists()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["class_shares"] == [0.5, 0.5]
    assert metrics["sigma"] is None
    assert (folder / "slices.png").read_bytes().startswith(b"\x89PNG")
    table = read_particles(folder / "particles.star")
    assert list(table.classes) == [1, 1, 2, 2] * 3
    assert table.images[0].text == "000001@particles.mrcs"
    average = read_volume(folder / "class_1.mrc")
    halves = [read_volume(folder / f"class_1_half_{h}.mrc").array for h in (1, 2)]
    np.testing.assert_allclose(average.array, np.mean(halves, 0), atol=1e-6)
    assert average.voxel_size == place.dataset.voxel_size_angstrom
    _check_events(place, job)


def _check_events(place, job):
    told = place.events(job)
    statuses = [event.data["status"] for event in told if event.kind == "status"]
    assert statuses == ["queued", "running", "succeeded"]
    numbers = [event.data["iteration"] for event in told if event.kind == "iteration"]
    assert numbers == [0, 1, 2]
    alarms = [event.data for event in told if event.kind == "alarm"]
    assert alarms == [{"iteration": 1, "detail": "class 1 is watched"}]
    done = [e.data["fraction"] for e in told if e.kind == "progress"]
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_a_worker_shows_itself_and_leaves(place):
    def alive():
        with place.store.read() as session:
            return workers.alive(session, 2.0)

    worker = place.worker()
    wait_until(alive, "a heartbeat")
    assert alive()[0].pid == worker.process.pid
    assert worker.terminate() == 0
    assert alive() == []


def test_a_soft_end_gives_the_batch_back_at_once(place, standard):
    job = place.submit(**{**standard, "batch_particles": 12})
    for end in ("terminate", "interrupt"):
        worker = place.worker(ADDING_SECONDS="0.3")
        place.wait_for_particles(job, 0, 2)
        getattr(worker, end)()
        assert place.job(job).status == "running"
    place.worker()
    assert place.wait(job).status == "succeeded"
    assert "attempt 2" not in place.logs()


def test_a_worker_ends_when_its_parent_is_gone(place):
    worker = place.worker(ADDING_LIFELINE="1")
    wait_until(lambda: "worker worker_" in place.logs(), "the worker starts")
    assert worker.hang_up() == 0


def test_cancel_takes_seconds(place, standard):
    job = place.submit(**{**standard, "batch_particles": 12})
    place.worker(ADDING_SECONDS="0.3")
    place.wait_for_particles(job, 0, 1)
    from subtomo_store import jobs

    with place.store.begin() as session:
        assert jobs.cancel(session, job.id, job.user_id).status == "cancelling"
    assert place.wait(job, seconds=3.0).status == "cancelled"
    assert not (place.store.files.job(job.id) / "batches").exists()


def test_a_job_without_its_dataset_fails_in_words(place, standard):
    job = place.submit(**standard)
    place.store.files.delete_dataset(place.dataset.id)
    place.worker()
    ended = place.wait(job)
    assert ended.status == "failed"
    assert "has not been sealed" in ended.status_reason


def test_numbers_that_make_no_sense_fail_the_batch(place, standard):
    job = place.submit(**standard)
    place.worker(ADDING_FAULT="nan")
    ended = place.wait(job)
    assert ended.status == "failed"
    assert "not finite numbers" in ended.status_reason
    assert "iteration 0, particles 1 to 3" in ended.status_reason


def test_a_fault_fails_the_job_after_three_attempts(place, standard):
    job = place.submit(**{**standard, "batch_particles": 12})
    place.worker(ADDING_FAULT="raise")
    ended = place.wait(job)
    assert ended.status == "failed"
    assert "ZeroDivisionError: a planned fault" in ended.status_reason
    assert place.logs().count("iteration 0, particles 1 to 12, attempt") == 3


def test_start_from_an_uploaded_map(place, standard):
    random = np.random.default_rng(2)
    volume = random.normal(size=(16, 16, 16)).astype(np.float32)
    fitting, small = (_upload(place, array) for array in (volume, volume[:8, :8, :8]))
    start = {"kind": "maps", "maps": [fitting], "low_pass_angstrom": 30.0}
    job = place.submit(**standard, start=start)
    unfit = place.submit(**standard, start={**start, "maps": [small]})
    place.worker()
    assert place.wait(job).status == "succeeded"
    with np.load(place.store.files.job(job.id) / "start" / "model.npz") as model:
        assert np.std(model["maps"]) > 0
        np.testing.assert_array_equal(model["maps"][0], model["maps"][1])
    ended = place.wait(unfit)
    assert ended.status == "failed"
    assert "has a box of 8 voxels of 5 Å, the dataset 16" in ended.status_reason


def _upload(place, volume):
    with place.store.begin() as session:
        made = maps.create(
            session,
            user_id=place.dataset.user_id,
            name="reference.mrc",
            box=len(volume),
            voxel_size_angstrom=5.0,
            size=volume.nbytes,
            sha256="0" * 64,
        )
    write_volume(place.store.files.map(made.id), volume, 5.0)
    return made.id


def test_start_from_an_earlier_job(place, standard):
    first = place.submit(**standard)
    place.worker()
    assert place.wait(first).status == "succeeded"
    start = {"kind": "job", "job": first.id, "low_pass_angstrom": 30.0}
    second = place.submit(**standard, start=start)
    assert place.wait(second).status == "succeeded"
    model = np.load(place.store.files.job(second.id) / "start" / "model.npz")
    earlier = np.load(place.store.files.iteration_file(first.id, 2, "model.npz"))
    assert 0 < np.std(model["maps"]) < np.std(earlier["maps"])
    gone = place.submit(**standard, start={**start, "job": "job_gone"})
    ended = place.wait(gone)
    assert ended.status == "failed"
    assert "there is no job job_gone" in ended.status_reason
