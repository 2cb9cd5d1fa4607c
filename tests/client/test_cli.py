from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from subtomo import __version__
from subtomo.cli import app
from subtomo.cli.watch import iteration_line, verdict_lines
from subtomo.records import Iteration
from support.job_answers import (
    DATASET,
    DONE,
    JOB,
    METRICS,
    a_file,
    answering,
    one_job,
    stored,
)
from support.small_server import SmallServer

API = "/api/v1"


def star_file(folder: Path) -> Path:
    (folder / "a.mrc").write_bytes(b"aa")
    star = folder / "p.star"
    star.write_text("data_\nloop_\n_rlnImageName #1\na.mrc\n")
    return star


def accept_uploads(server: SmallServer, *others: dict) -> None:
    server.on(f"GET {API}/datasets", answering({"items": others, "cursor": None}))
    server.on(f"POST {API}/datasets", answering(DATASET | {"status": "open"}, status=201))
    server.on(f"GET {API}/datasets/ds_1/files", answering({"items": []}))
    for name in ("a.mrc", "p.star"):
        server.on(f"PUT {API}/datasets/ds_1/files/{name}", stored)
    server.on(f"POST {API}/datasets/ds_1/seal", answering(DATASET))


def test_push_uploads_and_prints_the_dataset(server, cli, tmp_path):
    accept_uploads(server)
    result = cli("push", str(star_file(tmp_path)), "--tilt", "-60", "60", "--dark")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("ds_1  ribosomes: 80 particles, box 32, 6 Å")
    sent = server.calls(f"POST {API}/datasets")[0].json
    assert sent == {
        "name": "p",
        "missing": {"kind": "wedge", "tilt_min_deg": -60, "tilt_max_deg": 60},
        "dark_particles": True,
    }


def test_push_warns_of_a_dataset_of_this_name(server, cli, tmp_path):
    accept_uploads(server, DATASET | {"name": "p"})
    result = cli("push", str(star_file(tmp_path)), "--nothing-missing")
    assert result.exit_code == 0, result.stderr
    assert "There is a dataset 'p' already (ds_1, ready)" in result.stderr
    result = cli("push", str(star_file(tmp_path)), "--nothing-missing", "--name", "q")
    assert "already" not in result.stderr  # by an older server, which does not know the filter


def test_the_version_is_told(cli):
    assert cli("--version").stdout == f"subtomo {__version__}\n"
    assert __version__ == version("subtomo")


def test_a_shell_completes_commands():
    words = {"_SUBTOMO_COMPLETE": "complete_bash", "COMP_WORDS": "subtomo pu", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", "import sys; sys.argv = ['subtomo']; import subtomo.__main__"]
    told = subprocess.run(
        command, env={**os.environ, **words}, capture_output=True, text=True, check=False
    )
    assert told.stdout.split() == ["push"], told.stderr


def test_push_into_an_open_dataset_makes_no_other(server, cli, tmp_path):
    accept_uploads(server)
    server.on(f"GET {API}/datasets/ds_1", answering(DATASET | {"status": "open"}))
    result = cli("push", str(star_file(tmp_path)), "--into", "ds_1", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["id"] == "ds_1"
    assert not server.calls(f"POST {API}/datasets")


def test_push_needs_to_know_the_missing_region(server, cli, tmp_path):
    star = str(star_file(tmp_path))
    for options in ((), ("--tilt", "-60", "60", "--missing-from-weights")):
        result = cli("push", star, *options)
        assert result.exit_code == 1
        assert "--tilt LOWEST HIGHEST" in result.stderr
    assert server.requests == []


def weighted_star(folder: Path, weights: str = "a.mrc") -> str:
    star = star_file(folder)
    star.write_text(f"data_\nloop_\n_rlnImageName #1\n_rlnCtfImage #2\na.mrc {weights}\n")
    return str(star)


TILTED = ("--tilt", "-60", "60")


@pytest.mark.parametrize("region", [TILTED, ("--cone", "45"), ("--nothing-missing",)])
def test_push_does_not_leave_weights_out_unasked(server, cli, tmp_path, region):
    accept_uploads(server)
    star = weighted_star(tmp_path)
    result = cli("push", star, *region)
    assert result.exit_code == 1
    assert result.stderr == (
        "p.star names weights of its particles (rlnCtfImage), which tell more than any other "
        "missing region: give --missing-from-weights in its place, or --leave-weights-out beside "
        "it to go without them.\n"
    )
    assert server.requests == []
    asked = cli("push", star, *region, "--leave-weights-out")
    assert asked.exit_code == 0, asked.stderr


def test_push_sends_weights_that_are_to_be_used_and_needs_no_word_of_none(server, cli, tmp_path):
    accept_uploads(server)
    used = cli("push", weighted_star(tmp_path), "--missing-from-weights")
    assert used.exit_code == 0, used.stderr
    assert server.calls(f"POST {API}/datasets")[0].json["missing"] == {"kind": "weights"}
    named_none = cli("push", weighted_star(tmp_path, "None"), *TILTED)
    assert named_none.exit_code == 0, named_none.stderr
    both = cli("push", weighted_star(tmp_path), "--missing-from-weights", "--leave-weights-out")
    assert both.exit_code == 1
    assert "exclude each other" in both.stderr


def test_push_of_a_missing_file_says_so_before_anything_is_made(server, cli, tmp_path):
    star = star_file(tmp_path)
    (tmp_path / "a.mrc").unlink()
    result = cli("push", str(star), "--tilt", "-60", "60")
    assert result.exit_code == 1
    assert "row 1, rlnImageName: a.mrc" in result.stderr
    assert server.requests == []


WEDGE = {"kind": "wedge", "tilt_min_deg": -50.0, "tilt_max_deg": 60.0}
PYRAMID = {
    "kind": "pyramid",
    "tilt_min_deg": -50.0,
    "tilt_max_deg": 60.0,
    "second_tilt_min_deg": -40.0,
    "second_tilt_max_deg": 45.0,
}


@pytest.mark.parametrize(
    ("options", "region"),
    [
        ("--tilt -50 60", WEDGE),
        ("--tilt -50 60 --tilt-axis x", WEDGE | {"axis": "x"}),
        ("--tilt -50 60 --second-tilt -40 45", PYRAMID),
        ("--cone 45", {"kind": "cone", "half_angle_deg": 45.0}),
        ("--missing-from-weights", {"kind": "weights"}),
        ("--missing-from-table", {"kind": "table"}),
        ("--nothing-missing", {"kind": "none"}),
    ],
)
def test_push_tells_every_missing_region(server, cli, tmp_path, options, region):
    accept_uploads(server)
    result = cli("push", str(star_file(tmp_path)), *options.split())
    assert result.exit_code == 0, result.stderr
    made = next(r for r in server.requests if (r.method, r.path) == ("POST", f"{API}/datasets"))
    assert made.json["missing"] == region


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("", "which part of Fourier space is missing"),
        ("--tilt -60 60 --missing-from-table", "which part of Fourier space is missing"),
        ("--tilt -60 60 --cone 40", "which part of Fourier space is missing"),
        ("--cone 40 --tilt-axis x", "go with --tilt"),
        ("--tilt -60 60 --second-tilt -60 60 --tilt-axis x", "leave --tilt-axis out"),
    ],
)
def test_push_refuses_regions_that_contradict(server, cli, tmp_path, options, sentence):
    result = cli("push", str(star_file(tmp_path)), *options.split())
    assert result.exit_code == 1
    assert sentence in " ".join(result.stderr.split())
    assert server.requests == []


def test_a_rejected_dataset_shows_its_problems(server, cli, tmp_path):
    accept_uploads(server)
    problem = {"detail": "it holds 3 NaN voxels", "file": "a.mrc"}
    rejected = DATASET | {"status": "rejected", "problems": [problem]}
    server.on(f"POST {API}/datasets/ds_1/seal", answering(rejected))
    result = cli("push", str(star_file(tmp_path)), "--nothing-missing")
    assert result.exit_code == 1
    assert "a.mrc: it holds 3 NaN voxels" in result.stderr


def test_a_failed_job_is_exit_code_1_with_the_reason(server, cli):
    one_job(server, DONE | {"status": "failed", "status_reason": "the disk is full"})
    for call in (("run", "faml", "ds_1"), ("watch", "job_1"), ("watch", "last", "--json")):
        result = cli(*call)
        assert result.exit_code == 1
        assert "the disk is full" in result.stderr


def test_watch_json_prints_a_line_for_each_event(server, cli):
    one_job(server)
    result = cli("watch", "first look", "--json")
    assert result.exit_code == 0, result.stderr
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [1, 2, 3, 4, 5]


def serve_results(server: SmallServer) -> None:
    one_job(server)
    base = f"GET {API}/jobs/job_1/iterations"
    server.on(f"{base}/last", answering({"number": 2, "metrics": METRICS}))
    for k in (1, 2):
        for name in ("map.mrc", "half1.mrc", "half2.mrc", "fsc.star", "slices.png"):
            server.on(f"{base}/2/classes/{k}/{name}", a_file(f"{k} {name}".encode()))
    server.on(f"{base}/2/particles.star", a_file(b"star"))


def test_fetch_writes_averages_and_poses_of_one_iteration(server, cli, tmp_path):
    serve_results(server)
    result = cli("fetch", "job_1", "--to", str(tmp_path / "out"))
    assert result.exit_code == 0, result.stderr
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == {
        "class_1.mrc": b"1 map.mrc",
        "class_2.mrc": b"2 map.mrc",
        "particles.star": b"star",
    }


def test_fetch_all_adds_halves_curves_and_pictures(server, cli, tmp_path):
    serve_results(server)
    result = cli("fetch", "job_1", "--to", str(tmp_path), "--all", "--json")
    assert result.exit_code == 0, result.stderr
    names = {Path(name).name for name in json.loads(result.stdout)}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert len(names) == 11
    assert (tmp_path / "class_2_half_1.mrc").read_bytes() == b"2 half1.mrc"


def test_fetch_names_its_folder_after_the_job(server, cli, tmp_path, monkeypatch):
    serve_results(server)
    monkeypatch.chdir(tmp_path)
    assert cli("fetch", "last").exit_code == 0
    assert (tmp_path / "first_look" / "class_1.mrc").exists()


def test_lists(server, cli):
    one_job(server)
    listed = cli("jobs")
    assert "job_1" in listed.stdout
    assert "50%" in listed.stdout
    assert json.loads(cli("jobs", "--json").stdout)[0]["name"] == "first look"
    assert "ribosomes" in cli("datasets").stdout
    server.on(f"GET {API}/jobs", answering({"items": [], "cursor": None}))
    assert "subtomo run" in cli("jobs").stdout


def test_resume(server, cli):
    one_job(server)
    server.on(f"POST {API}/jobs/job_1/resume", answering(JOB | {"status": "queued"}, status=202))
    assert cli("resume", "last", "--no-watch").stdout.startswith("job_1")
    assert len(server.calls(f"POST {API}/jobs/job_1/resume")) == 1


def test_cancel(server, cli):
    one_job(server)
    server.on(f"POST {API}/jobs/job_1/cancel", answering(JOB | {"status": "cancelling"}))
    assert cli("cancel", "last").stdout == "job_1 cancelling\n"


def test_delete_takes_ids_of_every_kind_and_nothing_else(server, cli):
    paths = {"job_1": "jobs/job_1", "ds_1": "datasets/ds_1", "map_1": "maps/map_1"}
    for path in paths.values():
        server.on(f"DELETE {API}/{path}", lambda request: request.begin(204, {}))
    result = cli("delete", "job_1", "last")
    assert result.exit_code == 1
    assert "'last' is no id" in result.stderr
    assert server.requests == []
    told = cli("delete", *paths).stdout.splitlines()
    assert told == [f"{one} is deleted" for one in paths]
    assert [request.path for request in server.requests] == [
        f"{API}/{path}" for path in paths.values()
    ]


def test_maps_are_listed_with_their_ids(server, cli):
    made = {"id": "map_1", "name": "tight", "box": 32, "voxel_size_angstrom": 8.25}
    entry = made | {"created": "2026-01-01T00:00:00Z"}
    server.on(f"GET {API}/maps", answering({"items": [entry], "cursor": None}))
    head, line = cli("maps").stdout.splitlines()
    assert head.split() == ["map", "name", "box", "Å/voxel", "created"]
    assert line.split()[:4] == ["map_1", "tight", "32", "8.25"]
    assert json.loads(cli("maps", "--json").stdout)[0]["id"] == "map_1"
    server.on(f"GET {API}/maps", answering({"items": [], "cursor": None}))
    assert "subtomo mask" in cli("maps").stdout


def test_usage_is_told_in_the_units_of_quotas(server, cli):
    parts = {"datasets": 3 << 29, "uploads": 0, "maps": 1500, "jobs": 10}
    used = {f"{part}_bytes": count for part, count in parts.items()}
    answer = used | {"used_bytes": sum(parts.values()), "quota_bytes": 2 << 40, "free_bytes": 1}
    server.on(f"GET {API}/usage", answering(answer))
    told = [line.split(maxsplit=1) for line in cli("usage").stdout.splitlines()]
    assert [(name, size.strip()) for name, size in told] == [
        ("datasets", "1.5 GiB"),
        ("uploads", "0 bytes"),
        ("maps", "1.465 KiB"),
        ("jobs", "10 bytes"),
        ("together", "1.5 GiB"),
        ("quota", "2 TiB"),
    ]


def test_names_that_fit_none_or_several(server, cli):
    one_job(server)
    assert "There is no dataset 'x'" in cli("run", "faml", "x").stderr
    twins = [DATASET, DATASET | {"id": "ds_2"}]
    server.on(f"GET {API}/datasets", answering({"items": twins, "cursor": None}))
    assert "give the id (ds_1, ds_2)" in cli("run", "faml", "ribosomes").stderr


def test_wrong_usage_is_exit_code_2(cli):
    for args in (("run",), ("jobs", "--colour"), ("dance",), ("run", "faml", "x", "-K", "two")):
        assert cli(*args).exit_code == 2


def test_no_server_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("SUBTOMO_URL", "http://127.0.0.1:9")
    result = CliRunner().invoke(app, ["jobs"])
    assert result.exit_code == 1
    assert result.stderr.startswith("No Subtomo server answers at http://127.0.0.1:9.")
    assert result.stderr.count("\n") == 1


def test_an_iterations_line_says_what_kind_of_resolution_it_is():
    data = {"iteration": 3, "seconds": 12.0, "metrics": METRICS}
    assert iteration_line(data, 20) == (
        "iteration   3/20  shares 0.75 0.25  resolution 24.1 - Å (shared reference)  "
        "poses moved 3.2°  12 s"
    )
    junk = METRICS | {"junk_share": 0.314}
    line = iteration_line({"iteration": 3, "metrics": junk}, 20)
    assert "shares 0.75 0.25  junk 0.31  resolution" in line
    assert Iteration(number=3, metrics=junk).junk_share == 0.314
    gold = METRICS | {"fsc_kind": "gold standard", "shared_angstrom": 48.2}
    line = iteration_line({"iteration": 3, "metrics": gold}, 20)
    assert "resolution 24.1 - Å (gold standard beyond 48 Å)" in line


def test_the_last_iteration_says_what_the_averages_are_worth():
    verdict = {
        "state": "structure",
        "movement": "still moving",
        "summary": "the averages show structure (99.9 % sure)",
        "classes": [{"state": "structure"}, {"state": "noise"}],
        "reasons": ["class 1 shows structure", "class 2 holds nothing but noise"],
        "advice": ["let it go on"],
    }
    metrics = METRICS | {"resolution_0143_angstrom": [24.06, 18.2], "verdict": verdict}
    assert verdict_lines(metrics, "http://there") == [
        "Verdict: still moving; the averages show structure (99.9 % sure)",
        "  class 1 shows structure",
        "  class 2 holds nothing but noise",
        "What to try next, in this order:",
        "  1. let it go on",
        "What averages look like that went wrong: http://there/help/how-to/troubleshooting.html",
    ]
    at_rest = verdict | {"movement": "converged", "advice": ["impose the symmetry D7"]}
    assert verdict_lines(METRICS | {"verdict": at_rest}, "http://there")[-2:] == [
        "What to try next, in this order:",
        "  1. impose the symmetry D7",
    ]
    assert "resolution 24.1 none Å" in iteration_line({"iteration": 3, "metrics": metrics}, 20)
    assert Iteration(number=3, metrics=metrics).verdict == verdict
    assert verdict_lines(METRICS, "http://there") == []
    assert Iteration(number=3, metrics=METRICS).verdict is None


def test_what_a_job_waits_for_is_listed(server, cli):
    queue = {"name": "cpu", "place": 3, "ahead": 12}
    waiting = JOB | {"status": "queued", "queue": queue | {"reason": "12 batches are ahead"}}
    server.on(f"GET {API}/jobs", answering({"items": [waiting], "cursor": None}))
    assert "12 batches are ahead (place 3)" in cli("jobs").stdout
