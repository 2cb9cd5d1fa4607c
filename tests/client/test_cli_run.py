"""``subtomo run`` and what makes jobs out of jobs."""

from __future__ import annotations

import json

import pytest

from subtomo.cli.settings import assign, swept
from subtomo.errors import InvalidInput
from support.job_answers import (
    DONE,
    JOB,
    METRICS,
    answering,
    event,
    one_job,
    streaming,
)

API = "/api/v1"


def test_run_submits_what_was_asked_and_follows_it(server, cli):
    one_job(server)
    result = cli(
        *("run", "faml", "ribosomes", "-K", "2", "-i", "2", "--seed", "7", "--starts", "4"),
        *("--mask-diameter", "150", "--half-sets", "--whole-tomograms"),
        *("--set", "parameters.candidates=40"),
        *("--set", "parameters.generators=phase", "--set", "mask.diameter_angstrom=160"),
    )
    assert result.exit_code == 0, result.stderr
    assert server.calls(f"POST {API}/jobs")[0].json == {
        "algorithm": "faml",
        "classes": 2,
        "iterations": 2,
        "seed": 7,
        "half_sets": True,
        "whole_tomograms": True,
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
    [
        ("own", {"kind": "poses"}),
        *((name, {"kind": "poses", "job": "job_1"}) for name in ("job_1", "first look", "last")),
    ],
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
        (("--poses", "theirs"), "There is no job 'theirs'"),
        (("--poses", "own", "--start", "map_1"), "exclude each other"),
    ],
)
def test_a_start_from_poses_is_said_in_one_way(server, cli, arguments, words):
    one_job(server)
    result = cli("run", "faml", "ds_1", "--no-watch", *arguments)
    assert result.exit_code != 0
    assert words in result.stderr
    assert not server.calls(f"POST {API}/jobs")


def test_run_can_start_from_single_particles(server, cli):
    one_job(server)
    given = ("run", "faml", "ds_1", "--no-watch", "--start", "particles")
    assert cli(*given, "--starts", "40", "--set", "start.rounds=4").exit_code == 0
    sent = server.calls(f"POST {API}/jobs")[0].json
    assert (sent["start"], sent["starts"]) == ({"kind": "particles", "rounds": 4}, 40)
    refused = cli(*given, "--low-pass", "60")
    assert refused.exit_code != 0
    assert "--low-pass is for references which are given" in refused.stderr


@pytest.mark.parametrize(
    ("group", "option"),
    [
        ("start", ("--start", "particles")),
        ("start", ("--poses", "own")),
        ("mask", ("--mask", "map_1")),
    ],
)
def test_what_an_option_chooses_is_not_set_as_well(server, cli, group, option):
    one_job(server)
    result = cli("run", "faml", "ds_1", "--no-watch", *option, "--set", f"{group}=other")
    assert result.exit_code != 0
    assert f"--set {group} excludes the option" in result.stderr
    assert not server.calls(f"POST {API}/jobs")


def test_run_uploads_its_mask_and_names_symmetries(server, cli, tmp_path):
    one_job(server)
    (tmp_path / "m.mrc").write_bytes(b"map")
    server.on(f"POST {API}/maps", answering({"id": "map_9", "name": "m.mrc"}, status=201))
    result = cli(
        *("run", "faml", "ds_1", "-K", "2", "--no-watch", "--mask", str(tmp_path / "m.mrc")),
        *("--symmetry", "D7", "--symmetry", "C1", "--set", "mask.particles=true"),
    )
    assert result.exit_code == 0, result.stderr
    sent = server.calls(f"POST {API}/jobs")[0].json
    assert sent["mask"] == {"kind": "map", "map": "map_9", "particles": True}
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


def test_a_refused_specification_is_told(server, cli):
    one_job(server)
    fault = {"detail": "81 classes cannot be made of 80 particles", "pointer": "/classes"}
    problem = {"title": "T", "detail": fault["detail"], "errors": [fault]}
    server.on(f"POST {API}/jobs", answering(problem, status=422))
    result = cli("run", "faml", "ds_1", "-K", "81")
    assert result.exit_code == 1
    assert result.stderr == "81 classes cannot be made of 80 particles (/classes)\n"


def test_set_reads_json_where_it_is_json():
    spec: dict[str, object] = {}
    for text in ("a.b=1.5", "a.c=null", "d=both", 'e=["x"]', "f=a=b"):
        assign(spec, text)
    assert spec == {"a": {"b": 1.5, "c": None}, "d": "both", "e": ["x"], "f": "a=b"}
    for text in ("a", "=1", "d.x=1"):
        with pytest.raises(InvalidInput):
            assign(spec, text)


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


def test_the_secret_of_webhooks(server, cli):
    server.on(f"GET {API}/webhook-secret", answering({"secret": "whsec_old"}))
    server.on(f"POST {API}/webhook-secret", answering({"secret": "whsec_new"}))
    assert cli("webhook-secret").stdout == "whsec_old\n"
    assert cli("webhook-secret", "--renew").stdout == "whsec_new\n"
