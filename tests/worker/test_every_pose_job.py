"""Every pose of every particle as a job of the service, with the program's own workers."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from subtomo_store.formats.star import read_particles
from support.services import environment

SPEC = {
    "algorithm": "ml",
    "classes": 2,
    "batch_particles": 4,
    "iterations": 3,
    "parameters": {"step_deg": 20.0, "pruning": 0.99},
}

LIBRARY = """
import sys
from pathlib import Path

import numpy as np

from subtomo_core.run import run
from subtomo_core.spec.job import job_spec_adapter
from subtomo_store.datasets.stack import StackParticles

folder, spec, written = map(Path, sys.argv[1:])
result = run(StackParticles(folder), job_spec_adapter.validate_json(spec.read_bytes()))
np.savez(written, **result.model.to_arrays(), **result.poses.to_arrays())
"""


def test_a_job_of_two_workers_gives_the_bits_of_the_library(place, tmp_path):
    job = place.submit(**SPEC)
    workers = [place.worker("-m", "subtomo_worker", "--lifeline") for _ in range(2)]
    ended = place.wait(job, seconds=150)
    assert ended.status == "succeeded"
    assert "the averages" in ended.status_reason
    assert [worker.hang_up() for worker in workers] == [0, 0]
    files, written = place.store.files, tmp_path / "library.npz"
    arguments = (files.dataset(place.dataset.id), files.job(job.id) / "spec.json", written)
    command = [sys.executable, "-c", LIBRARY, *map(str, arguments)]
    subprocess.run(command, check=True, env=environment())
    with np.load(written) as library:
        for file in ("model.npz", "poses.npz"):
            with np.load(files.iteration_file(job.id, 3, file)) as stored:
                assert set(stored) <= set(library)
                for name in stored:
                    np.testing.assert_array_equal(stored[name], library[name], err_msg=name)
    last = files.iteration(job.id, 3)
    assert json.loads((last / "fsc.json").read_text())["kind"] == "shared reference"
    assert read_particles(last / "particles.star").classes.tolist()
    assert "rlnLogLikeliContribution" in (last / "particles.star").read_text()
