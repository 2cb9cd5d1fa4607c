"""The types of a specification's fields are those that the server knows."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from mypy import api

from subtomo.fields import (
    Algorithm,
    JobFields,
    MaskFields,
    ParameterFields,
    ResolutionFields,
    StartFields,
)
from subtomo_server.jobs.vocabulary import algorithms
from subtomo_server.pages.job_form import job_fields

GROUPS = {
    "start": StartFields,
    "mask": MaskFields,
    "resolution": ResolutionFields,
    "parameters": ParameterFields,
}


def test_every_field_of_the_form_has_its_type_and_none_is_made_up():
    assert set(get_args(Algorithm)) == set(algorithms())
    names = {field.name for field in job_fields()} | {"dataset"}
    inside = {f"{group}.{key}" for group, own in GROUPS.items() for key in get_type_hints(own)}
    top = set(get_type_hints(JobFields)) - set(GROUPS)
    assert names == inside | top


def test_choices_are_those_of_the_form():
    for field in job_fields():
        group, _, key = field.name.rpartition(".")
        hint = get_type_hints(GROUPS[group] if group else JobFields)[key]
        said = {value for part in (hint, *get_args(hint)) for value in get_args(part)}
        choices = {choice.value for choice in field.choices if choice.value}
        if field.kind in ("choice", "variant") and choices != {"true", "false"}:
            assert choices <= said, field.name


@pytest.mark.slow
def test_a_type_checker_sees_a_misspelt_field(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        "from subtomo import Client\n"
        "client = Client('http://127.0.0.1:1', 'x')\n"
        "client.submit(dataset='ds_1', algorithm='faml', classes=2, parameters={'junk': 0.2})\n"
        "client.submit(dataset='ds_1', algorithm='faml', klasses=2)\n"
        "client.submit(dataset='ds_1', algorithm='falm')\n"
        "client.submit(dataset='ds_1', algorithm='fa', parameters={'candidate_poses': 40})\n"
    )
    source = str(Path(__file__).parents[2] / "client")
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nmypy_path = {source}\nfollow_imports = silent\n")
    told, trouble, _ = api.run(
        ["--config-file", str(config), "--cache-dir", str(tmp_path / "cache"), str(script)]
    )
    lines = [line for line in told.splitlines() if "error:" in line]
    assert [line.split(":")[1] for line in lines] == ["4", "5", "6"], told + trouble
    assert "klasses" in lines[0]
    assert "falm" in lines[1]
    assert "candidate_poses" in lines[2]
