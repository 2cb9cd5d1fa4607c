"""All pairs of a dataset as a job of the service, with the program's own worker."""

from __future__ import annotations

import subprocess
import sys

import mrcfile
import numpy as np

from subtomo_store.formats.star import read_particles
from subtomo_store.jobs import iterations
from support.services import environment

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


def test_a_pairwise_job_gives_the_bits_of_the_library_and_its_matrix(place, tmp_path):
    job = place.submit(algorithm="pairwise", classes=3, batch_particles=5, iterations=2)
    workers = [place.worker("-m", "subtomo_worker", "--lifeline") for _ in range(2)]
    ended = place.wait(job, seconds=120)
    assert (ended.status, ended.status_reason) == ("succeeded", None)
    assert [worker.hang_up() for worker in workers] == [0, 0]
    files, written = place.store.files, tmp_path / "library.npz"
    arguments = (files.dataset(place.dataset.id), files.job(job.id) / "spec.json", written)
    command = [sys.executable, "-c", LIBRARY, *map(str, arguments)]
    subprocess.run(command, check=True, env=environment())
    with np.load(written) as library:
        for file in ("model.npz", "poses.npz"):
            with np.load(files.iteration_file(job.id, 2, file)) as stored:
                assert set(stored) <= set(library)
                for name in stored:
                    np.testing.assert_array_equal(stored[name], library[name], err_msg=name)
    last = files.iteration(job.id, 2)
    matrix = np.load(last / "dissimilarity.npy")
    assert matrix.shape == (place.dataset.particles,) * 2
    with mrcfile.open(last / "dissimilarity.mrc", permissive=False) as opened:
        assert opened.is_single_image()
        np.testing.assert_array_equal(opened.data, matrix)
    before = np.load(files.iteration(job.id, 0) / "dissimilarity.npy")
    assert matrix.mean() < before.mean()
    with place.store.read() as session:
        names = {file.name for file in iterations.files(session, job.id, 2)}
    assert {"dissimilarity.npy", "dissimilarity.mrc", "dissimilarity.png"} <= names
    classes = read_particles(last / "particles.star").classes
    assert set(classes) == {1, 2, 3}
    notes = [event.data["detail"] for event in place.events(job) if event.kind == "note"]
    assert len(notes) == 2
    assert all(note.startswith("clusters of ") for note in notes)
    told = [e.data for e in place.events(job) if e.kind == "progress" and e.data["iteration"] == 1]
    assert told, "nothing was told while pairs were aligned"
