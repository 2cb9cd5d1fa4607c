"""What the documents show must be what there is."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from typing import Any, get_args

import pytest
import typer

from subtomo import Client
from subtomo.cli import app
from subtomo.cli.settings import assign
from subtomo_core.spec.job import AnySpec
from support.documents import PAGES, ROOT, blocks, subtomo_commands

COMMAND: Any = typer.main.get_command(app)
SETTING = re.compile(r"--(?:set|sweep) ([a-z_.]+=[^\s`]+)")


def parsed(words: list[str]) -> dict[str, Any]:
    """Parse a command line as the program does; return its options."""
    name, command = "subtomo", COMMAND
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    return dict(command.make_context(name, words).params)


@pytest.mark.parametrize(("page", "line"), subtomo_commands())
def test_shown_commands_are_usage_the_command_line_knows(page, line):
    assert parsed(shlex.split(line, comments=True)) is not None


def test_commands_are_shown_and_a_wrong_one_would_be_found():
    assert len(subtomo_commands()) > 80
    for wrong in ("run faml ribosomes --klasses 2", "push", "fetch last --as imod"):
        with pytest.raises(Exception, match=r"(?i)no such option|missing|one of"):
            parsed(shlex.split(wrong))
    with pytest.raises(KeyError):
        parsed(["pull", "particles.star"])


def shown_settings() -> list[str]:
    return sorted({found for page in PAGES for found in SETTING.findall(page.read_text("utf-8"))})


def has_field(model: Any, path: list[str]) -> bool:
    """Whether a specification has a field, in any form of the groups on the way."""
    if not path:
        return True
    models = [model, *get_args(model)]
    fields = [
        one.model_fields[path[0]] for one in models if path[0] in getattr(one, "model_fields", {})
    ]
    return any(has_field(field.annotation, path[1:]) for field in fields)


@pytest.mark.parametrize("setting", shown_settings())
def test_shown_settings_are_fields_of_a_specification(setting):
    made: dict[str, Any] = {}
    assign(made, setting)
    path = setting.partition("=")[0].split(".")
    assert any(has_field(spec, path) for spec in get_args(AnySpec))


def python_blocks() -> list[tuple[str, str]]:
    return [
        (page.relative_to(ROOT).as_posix(), block)
        for page in PAGES
        for block in blocks(page, "python")
        if "client." in block
    ]


@pytest.mark.parametrize(("page", "block"), python_blocks())
def test_shown_scripts_call_what_the_client_has(page, block):
    calls = [
        node
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "client"
    ]
    assert calls
    for call in calls:
        method = getattr(Client, call.func.attr)  # type: ignore[attr-defined]
        given = {word.arg: None for word in call.keywords if word.arg}
        inspect.signature(method).bind(None, *call.args, **given)


def test_only_the_demo_and_the_judge_of_the_server_use_the_client():
    for source in (ROOT / "server/subtomo_server").rglob("*.py"):
        if {"demo", "scoring"} & set(source.parts):
            continue
        names = set()
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        assert "subtomo" not in {name.partition(".")[0] for name in names}, source
