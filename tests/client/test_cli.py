from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from subtomo.cli import app
from subtomo.cli.settings import assign, swept
from subtomo.cli.watch import iteration_line
from subtomo.errors import InvalidInput
from support.job_answers import (
    DATASET,
    DONE,
    JOB,
    METRICS,
    a_file,
    answering,
    event,
    one_job,
    stored,
    streaming,
)
from support.small_server import SmallServer

API = "/api/v1"


@pytest.fixture
def cli(server: SmallServer, monkeypatch: pytest.MonkeyPatch):
    """Run the command against the small server."""
    monkeypatch.setenv("SUBTOMO_URL", server.url)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args: str) -> Result:
        return CliRunner().invoke(app, list(args))

    return call


def star_file(folder: Path) -> Path:
    (folder / "a.mrc").write_bytes(b"aa")
    star = folder / "p.star"
    star.write_text("data_\nloop_\n_rlnImageName #1\na.mrc\n")
    return star


def accept_uploads(server: SmallServer) -> None:
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


def test_push_of_a_missing_file_says_so_before_anything_is_made(server, cli, tmp_path):
    star = star_file(tmp_path)
    (tmp_path / "a.mrc").unlink()
    result = cli("push", str(star), "--tilt", "-60", "60")
    assert result.exit_code == 1
    assert "row 1, rlnImageName: a.mrc" in result.stderr
    assert server.requests == []


def test_a_rejected_dataset_shows_its_problems(server, cli, tmp_path):
    accept_uploads(server)
    problem = {"detail": "it holds 3 NaN voxels", "file": "a.mrc"}
    rejected = DATASET | {"status": "rejected", "problems": [problem]}
    server.on(f"POST {API}/datasets/ds_1/seal", answering(rejected))
    result = cli("push", str(star_file(tmp_path)), "--nothing-missing")
    assert result.exit_code == 1
    assert "a.mrc: it holds 3 NaN voxels" in result.stderr


def test_run_submits_what_was_asked_and_follows_it(server, cli):
    one_job(server)
    result = cli(
        *("run", "faml", "ribosomes", "-K", "2", "-i", "2", "--seed", "7", "--starts", "4"),
        *("--mask-diameter", "150", "--half-sets", "--set", "parameters.candidates=40"),
        *("--set", "parameters.generators=phase", "--set", "mask.diameter_angstrom=160"),
    )
    assert result.exit_code == 0, result.stderr
    assert server.calls(f"POST {API}/jobs")[0].json == {
        "algorithm": "faml",
        "classes": 2,
        "iterations": 2,
        "seed": 7,
        "half_sets": True,
        "starts": 4,
        "mask": {"diameter_angstrom": 160},
        "parameters": {"candidates": 40, "generators": "phase"},
        "dataset": "ds_1",
    }
    assert result.stdout.splitlines()[0] == "job_1  first look"
    assert "Succeeded in 60 s" in result.stdout
    assert "iteration   1/2  shares 0.75 0.25" in result.stderr
    assert "! class 2 is nearly empty" in result.stderr


def test_a_run_tells_which_start_leads_and_that_it_converged(server, cli):
    reason = "converged after 1 iterations"
    one_job(server, DONE | {"status_reason": reason})
    metrics = METRICS | {"start": 2, "start_log_likelihoods": [10.0, 12.0, 11.0]}
    note = "start 2 of 3 goes on alone: the log-likelihoods were 10, 12, 11"
    server.on(
        f"GET {API}/jobs/job_1/events",
        streaming(
            event(1, "iteration", iteration=1, seconds=12.0, metrics=metrics),
            event(2, "note", iteration=1, detail=note),
            event(3, "status", status="succeeded", reason=reason),
        ),
    )
    result = cli("run", "faml", "ribosomes")
    assert result.exit_code == 0, result.stderr
    assert "start 2 of 3 leads" in result.stderr
    assert note in result.stderr
    assert f"Succeeded in 60 s: {reason}. Download with" in result.stdout


def test_run_without_watching_returns_at_once(server, cli):
    one_job(server)
    result = cli("run", "fa", "ds_1", "--no-watch", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["id"] == "job_1"
    assert not server.calls(f"GET {API}/jobs/job_1/events")


def test_run_uploads_its_first_references(server, cli, tmp_path):
    one_job(server)
    (tmp_path / "a.mrc").write_bytes(b"map")
    server.on(f"POST {API}/maps", answering({"id": "map_9", "name": "a.mrc"}, status=201))
    result = cli(
        *("run", "faml", "ds_1", "--no-watch", "--low-pass", "60"),
        *("--start", str(tmp_path / "a.mrc"), "--start", "map_1"),
    )
    assert result.exit_code == 0, result.stderr
    start = server.calls(f"POST {API}/jobs")[0].json["start"]
    assert start == {"kind": "maps", "maps": ["map_9", "map_1"], "low_pass_angstrom": 60}


@pytest.mark.parametrize(
    ("poses", "start"),
    [("own", {"kind": "poses"}), ("job_7", {"kind": "poses", "job": "job_7"})],
)
def test_run_can_start_from_poses(server, cli, poses, start):
    one_job(server)
    result = cli(
        *("run", "faml", "ds_1", "--no-watch", "--poses", poses, "--search-range", "15"),
        *("--set", "parameters.search_range_angstrom=12"),
    )
    assert result.exit_code == 0, result.stderr
    sent = server.calls(f"POST {API}/jobs")[0].json
    assert sent["start"] == start
    assert sent["parameters"] == {"search_range_deg": 15, "search_range_angstrom": 12}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--poses", "theirs"), "write 'own'"),
        (("--poses", "own", "--start", "map_1"), "exclude each other"),
    ],
)
def test_a_start_from_poses_is_said_in_one_way(server, cli, arguments, words):
    one_job(server)
    result = cli("run", "faml", "ds_1", "--no-watch", *arguments)
    assert result.exit_code != 0
    assert words in result.stderr
    assert not server.calls(f"POST {API}/jobs")


def test_run_uploads_its_mask_and_names_symmetries(server, cli, tmp_path):
    one_job(server)
    (tmp_path / "m.mrc").write_bytes(b"map")
    server.on(f"POST {API}/maps", answering({"id": "map_9", "name": "m.mrc"}, status=201))
    result = cli(
        *("run", "faml", "ds_1", "-K", "2", "--no-watch", "--mask", str(tmp_path / "m.mrc")),
        *("--symmetry", "D7", "--symmetry", "C1"),
    )
    assert result.exit_code == 0, result.stderr
    sent = server.calls(f"POST {API}/jobs")[0].json
    assert sent["mask"] == {"kind": "map", "map": "map_9"}
    assert sent["symmetry"] == ["D7", "C1"]
    assert cli("run", "faml", "ds_1", "--no-watch", "--symmetry", "D7").exit_code == 0
    assert server.calls(f"POST {API}/jobs")[1].json["symmetry"] == "D7"
    both = cli("run", "faml", "ds_1", "--mask", "map_1", "--mask-diameter", "100")
    assert both.exit_code != 0
    assert "exclude each other" in both.stderr


def test_run_can_start_from_an_earlier_job(server, cli):
    one_job(server)
    assert cli("run", "faml", "ds_1", "--no-watch", "--start", "job_0").exit_code == 0
    assert server.calls(f"POST {API}/jobs")[0].json["start"] == {"kind": "job", "job": "job_0"}


def test_a_failed_job_is_exit_code_1_with_the_reason(server, cli):
    one_job(server, DONE | {"status": "failed", "status_reason": "the disk is full"})
    for call in (("run", "faml", "ds_1"), ("watch", "job_1"), ("watch", "last", "--json")):
        result = cli(*call)
        assert result.exit_code == 1
        assert "the disk is full" in result.stderr


def test_a_refused_specification_is_told(server, cli):
    one_job(server)
    fault = {"detail": "81 classes cannot be made of 80 particles", "pointer": "/classes"}
    problem = {"title": "T", "detail": fault["detail"], "errors": [fault]}
    server.on(f"POST {API}/jobs", answering(problem, status=422))
    result = cli("run", "faml", "ds_1", "-K", "81")
    assert result.exit_code == 1
    assert result.stderr == "81 classes cannot be made of 80 particles (/classes)\n"


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


def test_cancel(server, cli):
    one_job(server)
    server.on(f"POST {API}/jobs/job_1/cancel", answering(JOB | {"status": "cancelling"}))
    assert cli("cancel", "last").stdout == "job_1 cancelling\n"


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


def test_set_reads_json_where_it_is_json():
    spec: dict[str, object] = {}
    for text in ("a.b=1.5", "a.c=null", "d=both", 'e=["x"]', "f=a=b"):
        assign(spec, text)
    assert spec == {"a": {"b": 1.5, "c": None}, "d": "both", "e": ["x"], "f": "a=b"}
    for text in ("a", "=1", "d.x=1"):
        with pytest.raises(InvalidInput):
            assign(spec, text)


def test_an_iterations_line_says_what_kind_of_resolution_it_is():
    data = {"iteration": 3, "seconds": 12.0, "metrics": METRICS}
    assert iteration_line(data, 20) == (
        "iteration   3/20  shares 0.75 0.25  resolution 24.1 - Å (shared reference)  "
        "poses moved 3.2°  12 s"
    )
    gold = METRICS | {"fsc_kind": "gold standard", "shared_angstrom": 48.2}
    line = iteration_line({"iteration": 3, "metrics": gold}, 20)
    assert "resolution 24.1 - Å (gold standard beyond 48 Å)" in line


def test_several_values_are_read():
    values = swept(["classes=1,2,3", "symmetry=C1,D7", 'mask.kind=["a,b", "c"]'])
    assert values == {"classes": [1, 2, 3], "symmetry": ["C1", "D7"], "mask.kind": ["a,b", "c"]}
    for text in ("classes", "=1", "classes="):
        with pytest.raises(InvalidInput):
            swept([text])


def test_a_job_is_changed(server, cli):
    one_job(server)
    path = f"PATCH {API}/jobs/job_1"
    server.on(path, answering(JOB | {"name": "urgent", "priority": 40}))
    told = cli("change", "first look", "--name", "urgent", "--priority", "40")
    assert told.stdout == "job_1  urgent  running  priority 40\n"
    cli("change", "last", "--priority", "0")
    assert [call.json for call in server.calls(path)] == [
        {"name": "urgent", "priority": 40},
        {"priority": 0},
    ]
    assert "--name or --priority" in cli("change", "last").stderr


def test_continue_and_clone(server, cli):
    one_job(server)
    more = JOB | {"id": "job_2", "name": "on"}
    for path in ("continue", "clone"):
        server.on(f"POST {API}/jobs/job_1/{path}", answering(more, status=201))
    told = cli("continue", "last", "--from", "1", "-i", "4", "--set", "symmetry=D7", "--no-watch")
    assert told.stdout == "job_2  on\n"
    (request,) = server.calls(f"POST {API}/jobs/job_1/continue")
    assert request.json == {"from_iteration": 1, "iterations": 4, "changes": {"symmetry": "D7"}}
    assert cli("clone", "first look", "--set", "seed=2", "--no-watch").stdout == "job_2  on\n"
    (request,) = server.calls(f"POST {API}/jobs/job_1/clone")
    assert request.json == {"changes": {"seed": 2}}


def test_a_sweep_lists_its_jobs(server, cli):
    one_job(server)
    items = [JOB | {"id": f"job_{n}", "name": f"many (classes {n})"} for n in (2, 3)]
    server.on(f"POST {API}/jobs/sweep", answering({"items": items}, status=201))
    told = cli("run", "faml", "last", "--sweep", "classes=2,3", "--priority", "20")
    assert told.stdout == "job_2  many (classes 2)\njob_3  many (classes 3)\n"
    cli("clone", "last", "--sweep", "classes=2,3")
    fresh, again = (request.json for request in server.calls(f"POST {API}/jobs/sweep"))
    assert fresh["spec"]["priority"] == 20
    assert (again["job"], again["values"]) == ("job_1", {"classes": [2, 3]})


def test_what_a_job_waits_for_is_listed(server, cli):
    queue = {"name": "cpu", "place": 3, "ahead": 12}
    waiting = JOB | {"status": "queued", "queue": queue | {"reason": "12 batches are ahead"}}
    server.on(f"GET {API}/jobs", answering({"items": [waiting], "cursor": None}))
    assert "12 batches are ahead (place 3)" in cli("jobs").stdout


def test_the_secret_of_webhooks(server, cli):
    server.on(f"GET {API}/webhook-secret", answering({"secret": "whsec_old"}))
    server.on(f"POST {API}/webhook-secret", answering({"secret": "whsec_new"}))
    assert cli("webhook-secret").stdout == "whsec_old\n"
    assert cli("webhook-secret", "--renew").stdout == "whsec_new\n"
