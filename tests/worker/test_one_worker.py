"""Jobs which one worker does one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_store.datasets import maps
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import ParticleRows, read_particles, write_particles
from subtomo_store.formats.volumes import read_volume
from support.records import ready_dataset, user_named
from support.services import RedisServer
from support.workplace import Workplace, workplace


@pytest.fixture(scope="module")
def hall(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A workplace whose worker lives as long as the module."""
    redis.empty()
    folder = tmp_path_factory.mktemp("hall")
    with workplace(folder, f"sqlite:///{folder}/subtomo.db", redis) as made:
        made.worker()
        yield made


def test_a_job_ends_with_its_files_and_events(hall, standard):
    job = hall.submit(**standard)
    ended = hall.wait(job)
    assert (ended.status, ended.status_reason, ended.iteration) == ("succeeded", None, 2)
    files = hall.store.files
    folder = files.iteration(job.id, 2)
    expected = {"model.npz", "poses.npz", "particles.star", "fsc.json", "metrics.json"}
    expected |= {"slices.png"}
    expected |= {f"class_{k}{p}.mrc" for k in (1, 2) for p in ("", "_half_1", "_half_2")}
    assert {path.name for path in folder.iterdir()} == expected
    assert json.loads((files.job(job.id) / "spec.json").read_text()) == job.spec
    hall.wait_until_tidy(job)
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
    assert average.voxel_size == hall.dataset.voxel_size_angstrom
    _check_events(hall, job)


def _check_events(hall, job):
    told = hall.events(job)
    statuses = [event.data["status"] for event in told if event.kind == "status"]
    assert statuses == ["queued", "running", "succeeded"]
    numbers = [event.data["iteration"] for event in told if event.kind == "iteration"]
    assert numbers == [0, 1, 2]
    alarms = [event.data for event in told if event.kind == "alarm"]
    assert alarms == [{"iteration": 1, "detail": "class 1 is watched"}]
    done = [e.data["fraction"] for e in told if e.kind == "progress"]
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_a_job_without_its_dataset_fails_in_words(hall, standard):
    with hall.store.begin() as session:
        gone = ready_dataset(session, user_named(session), particles=12)
    ended = hall.wait(replace(hall, dataset=gone).submit(**standard))
    assert ended.status == "failed"
    assert "has not been sealed" in ended.status_reason


def test_start_from_an_uploaded_map(hall, standard):
    random = np.random.default_rng(2)
    volume = random.normal(size=(16, 16, 16)).astype(np.float32)
    fitting, small = (_upload(hall, array) for array in (volume, volume[:8, :8, :8]))
    start = {"kind": "maps", "maps": [fitting], "low_pass_angstrom": 30.0}
    job = hall.submit(**standard, start=start)
    unfit = hall.submit(**standard, start={**start, "maps": [small]})
    assert hall.wait(job).status == "succeeded"
    with np.load(hall.store.files.job(job.id) / "start" / "model.npz") as model:
        assert np.std(model["maps"]) > 0
        np.testing.assert_array_equal(model["maps"][0], model["maps"][1])
    ended = hall.wait(unfit)
    assert ended.status == "failed"
    assert "has a box of 8 voxels of 5 Å, the dataset 16" in ended.status_reason


def test_a_mask_from_an_uploaded_map(hall, standard):
    mask = np.zeros((16, 16, 16), np.float32)
    mask[:, :, 8:] = 1.0
    whole, half = (_upload(hall, array) for array in (np.ones_like(mask), mask))
    start = {"kind": "maps", "maps": [whole]}
    job = hall.submit(**standard, start=start, mask={"kind": "map", "map": half})
    nothing = hall.submit(**standard, mask={"kind": "map", "map": _upload(hall, 0 * mask)})
    gone = hall.submit(**standard, mask={"kind": "map", "map": "map_gone"})
    assert hall.wait(job).status == "succeeded"
    with np.load(hall.store.files.job(job.id) / "start" / "model.npz") as model:
        assert not model["maps"][..., :8].any()
    assert "zero everywhere" in hall.wait(nothing).status_reason
    assert "the mask map_gone is gone" in hall.wait(gone).status_reason


def _upload(hall, volume):
    with hall.store.begin() as session:
        made = maps.create(
            session,
            user_id=hall.dataset.user_id,
            name="reference.mrc",
            box=len(volume),
            voxel_size_angstrom=5.0,
            size=volume.nbytes,
            sha256="0" * 64,
        )
    write_volume(hall.store.files.map(made.id), volume, 5.0)
    return made.id


def test_start_from_an_earlier_job(hall, standard):
    first = hall.submit(**standard)
    assert hall.wait(first).status == "succeeded"
    start = {"kind": "job", "job": first.id, "low_pass_angstrom": 30.0}
    second = hall.submit(**standard, start=start)
    assert hall.wait(second).status == "succeeded"
    model = np.load(hall.store.files.job(second.id) / "start" / "model.npz")
    earlier = np.load(hall.store.files.iteration_file(first.id, 2, "model.npz"))
    assert 0 < np.std(model["maps"]) < np.std(earlier["maps"])
    gone = hall.submit(**standard, start={**start, "job": "job_gone"})
    ended = hall.wait(gone)
    assert ended.status == "failed"
    assert "there is no job job_gone" in ended.status_reason


def test_start_from_the_poses_of_the_table(hall, standard):
    folder = hall.store.files.dataset(hall.dataset.id)
    images = [f"{number:06d}@particles.mrcs" for number in range(1, 13)]
    rotations = random_rotations(np.random.default_rng(4), 12)
    shifts = np.linspace(-1.0, 1.0, 36).reshape(12, 3)
    classes = [1, 2] * 6
    without = hall.submit(**standard, start={"kind": "poses"})
    ended = hall.wait(without)
    assert ended.status == "failed"
    assert "_rlnAngleRot" in ended.status_reason
    before = (folder / "particles.star").read_bytes()
    rows = ParticleRows(images, 5.0, 16, rotations=rotations, shifts=shifts, classes=classes)
    write_particles(folder / "particles.star", rows)
    job = hall.submit(**standard, start={"kind": "poses"})
    assert hall.wait(job).status == "succeeded"
    (folder / "particles.star").write_bytes(before)
    with np.load(hall.store.files.job(job.id) / "start" / "poses.npz") as poses:
        for k in range(2):
            assert angular_distance(poses["rotations"][:, k], rotations).max() < 1e-5
            np.testing.assert_allclose(poses["shifts"][:, k], shifts, atol=1e-6)
        assert list(poses["probability"].argmax(1) + 1) == classes


def test_start_from_the_poses_of_an_earlier_job(hall, standard):
    first = hall.submit(**standard)
    assert hall.wait(first).status == "succeeded"
    start = {"kind": "poses", "job": first.id, "iteration": 1}
    second = hall.submit(**standard, start=start)
    assert hall.wait(second).status == "succeeded"
    poses = np.load(hall.store.files.job(second.id) / "start" / "poses.npz")
    earlier = np.load(hall.store.files.iteration_file(first.id, 1, "poses.npz"))
    for name in ("rotations", "shifts", "probability"):
        np.testing.assert_array_equal(poses[name], earlier[name])
    gone = hall.submit(**standard, start={**start, "iteration": 7})
    ended = hall.wait(gone)
    assert ended.status == "failed"
    assert "the start cannot be read" in ended.status_reason
