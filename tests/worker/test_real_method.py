"""The program's own worker, with the real method."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from subtomo_core.run import run
from subtomo_store.stack import StackParticles
from support.services import environment

SPEC = {
    "classes": 2,
    "batch_particles": 5,
    "iterations": 1,
    "parameters": {"candidates": 6, "voronoi_points": 200},
}


def test_the_service_gives_the_bits_of_the_library(place):
    job = place.submit(**SPEC)
    workers = [place.worker("-m", "subtomo_worker", "--lifeline") for _ in range(2)]
    ended = place.wait(job, seconds=120)
    assert (ended.status, ended.status_reason) == ("succeeded", None)
    particles = StackParticles(place.store.files.dataset(place.dataset.id))
    result = run(particles, job.parsed_spec, threads=2)
    with np.load(place.store.files.iteration_file(job.id, 1, "model.npz")) as stored:
        for name, array in result.model.to_arrays().items():
            np.testing.assert_array_equal(stored[name], array, err_msg=name)
    with np.load(place.store.files.iteration_file(job.id, 1, "poses.npz")) as stored:
        np.testing.assert_array_equal(stored["rotations"], result.poses.rotations)
    assert [worker.hang_up() for worker in workers] == [0, 0]


def test_without_a_broker_the_command_says_what_to_do(tmp_path):
    command = [sys.executable, "-m", "subtomo_worker", "--data", str(tmp_path)]
    ended = subprocess.run(command, check=False, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 2
    assert "set SUBTOMO_BROKER_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
