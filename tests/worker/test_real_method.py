"""The program's own worker, with the real method."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from subtomo_store.formats.star import read_particles
from support.services import environment

SPEC = {
    "classes": 2,
    "starts": 3,
    "trial_iterations": 1,
    "batch_particles": 5,
    "iterations": 2,
    "parameters": {"candidates": 6, "voronoi_points": 200},
}


LIBRARY = """
import sys
from pathlib import Path

import numpy as np

from subtomo_core.run import run
from subtomo_core.spec.job import job_spec_adapter
from subtomo_store.datasets.stack import StackParticles

folder, spec, written = map(Path, sys.argv[1:])
result = run(StackParticles(folder), job_spec_adapter.validate_json(spec.read_bytes()), threads=2)
np.savez(written, **result.model.to_arrays(), **result.poses.to_arrays())
assert result.history[1].start_log_likelihoods
"""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"half_sets": True, "classes": 1, "iterations": 2},
        {"start": {"kind": "particles", "rounds": 2}, "trial_iterations": 2},
    ],
)
def test_the_service_gives_the_bits_of_the_library(place, tmp_path, changes):
    spec = SPEC | changes
    job = place.submit(**spec)
    workers = [place.worker("-m", "subtomo_worker", "--lifeline") for _ in range(2)]
    ended = place.wait(job, seconds=120)
    assert ended.status == "succeeded"
    assert "the averages" in ended.status_reason
    written = tmp_path / "library.npz"
    folder = place.store.files.dataset(place.dataset.id)
    stored_spec = place.store.files.job(job.id) / "spec.json"
    # A process of its own: what else was compiled in one may change a sum's last bit.
    subprocess.run(
        [sys.executable, "-c", LIBRARY, str(folder), str(stored_spec), str(written)],
        check=True,
        env=environment(),
    )
    with np.load(written) as library:
        for file in ("model.npz", "poses.npz"):
            with np.load(
                place.store.files.iteration_file(job.id, spec["iterations"], file)
            ) as stored:
                assert set(stored) <= set(library)
                for name in stored:
                    np.testing.assert_array_equal(stored[name], library[name], err_msg=name)
    metrics = place.store.files.iteration_file(job.id, 1, "metrics.json")
    assert len(json.loads(metrics.read_text())["start_log_likelihoods"]) == 3
    notes = [event.data["detail"] for event in place.events(job) if event.kind == "note"]
    assert len(notes) == 1
    assert "of 3 goes on alone" in notes[0]
    assert [worker.hang_up() for worker in workers] == [0, 0]
    last = place.store.files.iteration(job.id, spec["iterations"])
    fsc = json.loads((last / "fsc.json").read_text())
    halves = read_particles(last / "particles.star").half_sets
    if spec.get("half_sets"):
        assert halves.tolist() == [1, 2] * (len(halves) // 2)
        assert fsc["kind"] == "gold standard"
        assert fsc["shared_angstrom"] == job.spec["resolution"]["shared_angstrom"]
    else:
        assert halves is None
        assert (fsc["kind"], fsc["shared_angstrom"]) == ("shared reference", None)
    parts = {"corrected", "unmasked", "masked", "phase_randomised"}
    assert all(set(curves) == parts for curves in fsc["classes"])


def test_without_a_broker_the_command_says_what_to_do(tmp_path):
    command = [sys.executable, "-m", "subtomo_worker", "--data", str(tmp_path)]
    ended = subprocess.run(command, check=False, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 2
    assert "set SUBTOMO_BROKER_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
