"""What the tutorial shows is done by a running service, and comes out as the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from subtomo_core.simulate import asymmetric_blob, simulate
from subtomo_core.spec.missing_region import Wedge
from subtomo_server.demo.particles import write_particles
from support.documents import ROOT, blocks
from support.embedded import Embedded
from support.services import environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial" / "first-average.md"
INSTALL = ["python3 -m venv .venv", ".venv/bin/pip install '.[service]'"]
START = [". .venv/bin/activate", "subtomo serve"]
FITTED = re.compile(r"on (true_\d\.mrc): r ([\d.]+), FSC 0\.5 at ([\d.]+) Å, 0\.143 at ([\d.]+) Å")
POSES = re.compile(r"true class (\d): 40 particles, F1 ([\d.]+); within 10/15/20 degrees ([\d./]+)")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A running embedded service."""
    service = Embedded(tmp_path_factory.mktemp("house") / "data").start()
    yield service
    if service.process is not None and service.process.poll() is None:
        service.stop()


@pytest.fixture(scope="module")
def shell(house: Embedded) -> dict[str, str]:
    """The environment of a second terminal, with the commands of this installation on its path."""
    url, token = house.note
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {"SUBTOMO_DATA": str(house.data), "SUBTOMO_URL": url, "SUBTOMO_TOKEN": token}
    return environment(PATH=path, COLUMNS="400", **known)


def run(script: str, folder: Path, shell: dict[str, str]) -> str:
    """Run lines of a terminal; what they print."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=shell,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def fitted(text: str) -> dict[str, list[float]]:
    return {name: [float(n) for n in numbers] for name, *numbers in FITTED.findall(text)}


def test_the_tutorial_comes_out_as_it_says(tmp_path: Path, shell: dict[str, str]):
    install, start, *second_terminal = blocks(TUTORIAL, "bash")
    assert install.splitlines() == INSTALL
    assert start.splitlines() == START
    first, *_ = second_terminal
    assert first.startswith(START[0])
    lines = "".join(second_terminal).removeprefix(f"{START[0]}\n")
    told, shown = run(lines, tmp_path, shell), "".join(blocks(TUTORIAL, "text"))
    assert "trial: 80 particles, box 32, 6 Å per voxel" in told
    (verdict,) = [line for line in shown.splitlines() if line.startswith("Verdict:")]
    assert verdict in told
    found, expected = fitted(told), fitted(shown)
    assert set(found) == set(expected) == {"true_1.mrc", "true_2.mrc"}
    for name, (r, *resolutions) in expected.items():
        assert found[name][0] == pytest.approx(r, abs=0.015)
        assert found[name][1:] == pytest.approx(resolutions, abs=1.5)
    poses = {one: numbers for one, *numbers in POSES.findall(shown)}
    assert poses == {one: ["1.000", "1.00/1.00/1.00"] for one in "12"}
    # Sums differ in their last bits from processor to processor: a pose or two of 40 may, too.
    judged = POSES.findall(told)
    assert {one for one, *_ in judged} == set(poses)
    for one, f1, right in judged:
        assert f1 == poses[one][0]
        assert min(map(float, right.split("/"))) >= 0.95


def test_the_notebook_runs_cell_by_cell(
    tmp_path: Path, shell: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("SUBTOMO_URL", "SUBTOMO_TOKEN", "SUBTOMO_DATA"):
        monkeypatch.setenv(name, shell[name])
    mpl.use("agg")
    notebook = json.loads((DOCS / "tutorial" / "first-average.ipynb").read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for number, cell in enumerate(cells, start=1):
        assert (cell["outputs"], cell["execution_count"]) == ([], None), "kept without results"
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    mpl.pyplot.close("all")
    assert (np.asarray(names["correlations"]) > [0.85, 0.96]).all()
    assert names["verdict"]["state"] == "structure"  # type: ignore[index]


def test_the_way_by_curl_leads_to_an_average(tmp_path: Path, shell: dict[str, str]):
    write_particles(
        simulate(
            [asymmetric_blob()],
            [8],
            16,
            10.0,
            snr=0.5,
            missing=Wedge(tilt_min_deg=-60, tilt_max_deg=60),
            seed=1,
        ),
        tmp_path,
    )
    (script,) = blocks(DOCS / "reference" / "http.md", "bash")
    told = run(script, tmp_path, shell)
    assert '"status":"ready"' in told.replace(" ", "")
    assert "event: status" in told
    assert (tmp_path / "class_1.mrc").stat().st_size == 1024 + 4 * 16**3
    assert "_rlnAngleRot" in (tmp_path / "poses.star").read_text()
