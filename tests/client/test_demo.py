"""The demo as a user starts it: a process of its own, with a service of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from subtomo_server.demo import service
from subtomo_server.demo.particles import PARTICLES_EACH, make_particles, write_particles
from subtomo_server.demo.verdict import judge_files, read_poses
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from support.embedded import alive
from support.services import environment, wait_until

# Children of what a shell started in the background ignore interrupts, if nobody says otherwise.
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import typer
from subtomo_server.demo import demo
typer.run(demo)
"""


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, *options],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(alive(one.pid) for one in processes if one.is_running())


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_demo_is_right_and_leaves_nothing_running(tmp_path):
    process = start("--once", "--data", str(tmp_path))
    wait_until((tmp_path / "service/logs/worker.log").exists, "a worker starts", 150)
    children = family(process.pid)
    assert children
    output, _ = process.communicate(timeout=360)
    assert process.returncode == 0, output
    assert "all is as it should be" in output
    assert output.count("(oracle") >= 2
    names = {path.name for path in (tmp_path / "averages").iterdir()}
    assert names == {"class_1.mrc", "class_2.mrc", "particles.star"}
    wait_until(lambda: gone(children), "every process of the demo has ended")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_its_service_and_removes_its_files(number, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = start()
    wait_until(lambda: list(tmp_path.glob("*/service/logs/worker.log")), "a worker starts", 150)
    children = family(process.pid)
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=150)
    assert output.endswith("ended.\n"), output
    wait_until(lambda: gone(children), "every process of the demo has ended")
    assert not list(tmp_path.glob("subtomo-demo-*"))


def test_a_service_which_does_not_end_is_ended_with_all_it_started(monkeypatch):
    deaf = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    child = f"subprocess.Popen([sys.executable, '-c', {deaf + 'time.sleep(600)'!r}])\n"
    command = [sys.executable, "-c", deaf + child + "time.sleep(600)"]
    process = subprocess.Popen(command, start_new_session=True)
    wait_until(lambda: family(process.pid), "it has a child")
    own = family(process.pid)
    monkeypatch.setattr(service, "STOP_SECONDS", 0.5)
    service._stop(process)
    assert process.returncode == -signal.SIGKILL
    wait_until(lambda: gone(own), "the child has ended")


def test_the_star_names_every_particle_and_nothing_of_the_truth(tmp_path):
    star = write_particles(make_particles(1), tmp_path)
    table = read_particles(star)
    assert len(table.images) == 2 * PARTICLES_EACH
    assert all((tmp_path / image.path).is_file() for image in table.images)
    assert table.rotations is None
    assert table.classes is None
    assert set(table.voxel_sizes) == {6.0}


@pytest.fixture(scope="module")
def simulation():
    return make_particles(1)


def star_of(folder: Path, simulation, classes) -> Path:
    """Write the true poses with the given classes, as a service would."""
    from subtomo_core.simulate import relion_columns
    from subtomo_store.formats.star_text import quote

    count = len(simulation.truth.classes)
    columns = relion_columns(simulation.truth, [f"p{i}.mrc" for i in range(count)], 6.0)
    columns["rlnClassNumber"] = classes
    rows = zip(*columns.values(), strict=True)
    head = "".join(f"_{name} #{i}\n" for i, name in enumerate(columns, 1))
    body = "".join(" ".join(quote(str(value)) for value in row) + "\n" for row in rows)
    star = folder / "poses.star"
    star.write_text(f"data_particles\nloop_\n{head}{body}")
    return star


def test_downloaded_poses_are_read_as_they_were_meant(simulation, tmp_path):
    poses = read_poses(star_of(tmp_path, simulation, simulation.truth.classes + 1))
    assert (poses.best_class == simulation.truth.classes).all()
    assert abs(poses.best_rotation - simulation.truth.rotations).max() < 1e-5
    assert abs(poses.best_shift - simulation.truth.shifts).max() < 1e-5


def test_the_verdict_knows_right_from_wrong(simulation, tmp_path):
    from subtomo_server.demo.verdict import is_good

    paths = [tmp_path / f"{k}.mrc" for k in (1, 2)]
    for path, volume in zip(paths, simulation.truth.maps, strict=True):
        write_volume(path, volume, 6.0)
    true = simulation.truth.classes + 1
    assert is_good(judge_files(paths, star_of(tmp_path, simulation, true), simulation))
    mixed = true.copy()
    mixed[::3] = 3 - mixed[::3]
    assert not is_good(judge_files(paths, star_of(tmp_path, simulation, mixed), simulation))
    assert not is_good(judge_files(paths[:1] * 2, star_of(tmp_path, simulation, true), simulation))
