"""What the documents show must be what there is."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from subtomo import Client
from subtomo.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/tutorial/first-steps.md"]
OWN = ("push", "run", "watch", "fetch", "jobs", "datasets", "cancel")


def command_lines() -> list[str]:
    text = "\n".join(page.read_text() for page in PAGES)
    lines = re.findall(r"^    subtomo (.+)$", text, re.MULTILINE)
    return sorted({line for line in lines if line.split()[0] in OWN})


def python_blocks() -> list[str]:
    text = "\n".join(page.read_text() for page in PAGES)
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("line", command_lines())
def test_shown_commands_are_usage_the_command_line_knows(line, monkeypatch):
    monkeypatch.setenv("SUBTOMO_URL", "http://127.0.0.1:9")
    result = CliRunner().invoke(app, shlex.split(line))
    assert result.exit_code == 1, result.stderr  # no such file, no such server; never usage (2)


@pytest.mark.parametrize("block", python_blocks())
def test_shown_scripts_call_what_the_client_has(block):
    calls = [
        node.func
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    names = {func.attr for func in calls if getattr(func.value, "id", "") == "client"}
    assert names
    assert all(callable(getattr(Client, name, None)) for name in names)


def test_links_of_the_documents_lead_somewhere():
    for page in [*PAGES, *ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


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
