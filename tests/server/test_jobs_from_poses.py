"""Jobs which start from poses: what is refused when they are posted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from subtomo_core.orientation.rotations import random_rotations
from subtomo_store.database.engine import now
from subtomo_store.database.tables import IterationRow
from subtomo_store.formats.star import ParticleRows, write_particles
from support.serving import WEDGE, Served, small_spec, volume_bytes

POSES = {"kind": "poses"}


def posted(service: Served, dataset: str, **changes: object) -> dict:
    answer = service.client.post("/jobs", json=small_spec(dataset, **changes))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def with_poses(service: Served, folder: Path, *, origin: float = 0.0, classes: bool = True) -> str:
    """A dataset of four particles with angles, an origin in ångström, and classes."""
    made = service.client.post("/datasets", json={"name": "posed", "missing": WEDGE}).json()["id"]
    for index in range(4):
        content = volume_bytes(folder, index)
        service.client.put(f"/datasets/{made}/files/p{index}.mrc", content=content)
    rows = ParticleRows(
        [f"p{index}.mrc" for index in range(4)],
        6.0,
        16,
        rotations=random_rotations(np.random.default_rng(1), 4),
        shifts=np.full((4, 3), origin / 6.0),
        classes=[1, 2, 1, 2] if classes else None,
    )
    write_particles(folder / "particles.star", rows)
    star = (folder / "particles.star").read_bytes()
    service.client.put(f"/datasets/{made}/files/particles.star", content=star)
    answer = service.client.post(f"/datasets/{made}/seal", headers={"prefer": "wait=30"}).json()
    assert answer["status"] == "ready", answer
    return str(made)


def refused(service: Served, dataset: str, **changes: object) -> tuple[str, str]:
    """Pointer and sentence of the one fault."""
    answer = service.client.post("/jobs", json=small_spec(dataset, **changes))
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    return fault["pointer"], fault["detail"]


def test_a_start_from_poses_needs_them(service: Served, dataset: str, tmp_path: Path):
    pointer, words = refused(service, dataset, start=POSES)
    assert pointer == "/start"
    assert "_rlnAngleRot" in words
    posed = with_poses(service, tmp_path)
    for classes in (1, 2):
        job = posted(service, posed, start=POSES, classes=classes)
        told = {"kind": "poses", "job": None, "iteration": None, "random_classes": False}
        assert job["spec"]["start"] == told
    pointer, words = refused(service, posed, start=POSES, classes=3)
    assert pointer == "/classes"
    assert "no particle starts in class 3" in words
    unclassed = with_poses(service, tmp_path, classes=False)
    posted(service, unclassed, start=POSES)
    pointer, words = refused(service, unclassed, start=POSES, classes=2)
    assert pointer == "/classes"
    assert "_rlnClassNumber" in words
    dealt = {**POSES, "random_classes": True}
    for algorithm in ("faml", "ml", "cc"):
        fields = {"algorithm": algorithm, "parameters": {"poses": "fixed"}}
        posted(service, unclassed, start=dealt, classes=2, **fields)


def test_starting_poses_lie_where_the_search_looks(service: Served, tmp_path: Path):
    posed = with_poses(service, tmp_path, origin=30.0)
    pointer, words = refused(service, posed, start=POSES)
    assert pointer == "/parameters/shift_range_angstrom"
    assert "particle 1 starts 51.96 Å from its centre" in words
    posted(service, posed, start=POSES, parameters={"shift_range_angstrom": 60})
    posted(service, posed, start=POSES, parameters={"search_range_angstrom": 10})


def test_poses_of_an_earlier_job_are_of_the_same_particles(
    service: Served, dataset: str, tmp_path: Path
):
    earlier = posted(service, dataset, classes=2)["id"]
    start = {**POSES, "job": earlier}
    assert refused(service, dataset, start=start, classes=2)[0] == "/start/job"  # nothing yet
    with service.store.begin() as session:
        when = now(session)
        times = {"started": when, "finished": when, "seconds": 1.0}
        session.add(
            IterationRow(job_id=earlier, number=0, batches=1, remaining=0, metrics={}, **times)
        )
    posted(service, dataset, start=start, classes=2)
    pointer, words = refused(service, dataset, start=start)
    assert pointer == "/classes"
    assert "ask for 2" in words
    pointer, words = refused(service, dataset, start={**start, "random_classes": True}, classes=2)
    assert pointer == "/start/job"
    assert "choose a job of one class" in words
    pointer, words = refused(service, with_poses(service, tmp_path), start=start, classes=2)
    assert pointer == "/start/job"
    assert "another dataset" in words
