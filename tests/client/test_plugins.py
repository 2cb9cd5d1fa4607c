"""Commands which other packages bring along."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
import typer
from typer.testing import CliRunner

from subtomo.cli import plugins


def entry_points(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> typer.Typer:
    monkeypatch.setattr(plugins, "entry_points", lambda **_: entries)
    fresh = typer.Typer()
    fresh.command("first")(lambda: None)
    plugins.register(fresh)
    return fresh


def test_commands_of_other_packages_get_their_own_options(monkeypatch, tmp_path):
    (tmp_path / "lab_commands.py").write_text(
        "import typer\n"
        "def greet(name: str, *, loud: bool = False):\n"
        "    '''Greet somebody.'''\n"
        "    print(name.upper() if loud else name)\n"
        "    raise typer.Exit(3 if loud else 0)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("greet", "lab_commands:greet", plugins.GROUP)
    command = entry_points(monkeypatch, entry)
    quiet = CliRunner().invoke(command, ["greet", "ann"])
    assert (quiet.exit_code, quiet.stdout) == (0, "ann\n")
    loud = CliRunner().invoke(command, ["greet", "--loud", "ann"])
    assert (loud.exit_code, loud.stdout) == (3, "ANN\n")
    assert "--loud" in CliRunner().invoke(command, ["greet", "--help"]).stdout
    assert CliRunner().invoke(command, ["greet", "--lout", "ann"]).exit_code == 2


@pytest.mark.parametrize("where", ["at import", "when called"])
def test_a_missing_extra_says_how_to_install_it(where, monkeypatch, tmp_path):
    late = "def serve():\n    import a_missing_library\n"
    early = "import a_missing_library\ndef serve():\n    pass\n"
    module = f"lab_service_{where[:2]}"
    (tmp_path / f"{module}.py").write_text(early if where == "at import" else late)
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("serve", f"{module}:serve", plugins.GROUP)
    result = CliRunner().invoke(entry_points(monkeypatch, entry), ["serve"])
    assert result.exit_code == 1
    assert "a_missing_library" in result.stderr
    assert "pip install 'subtomo[service]'" in result.stderr


def test_the_command_line_imports_no_numerics_and_no_server():
    code = (
        "import sys; from subtomo.cli import app; "
        "heavy = {'numpy', 'numba', 'pandas', 'fastapi', 'sqlalchemy', 'celery'}; "
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_package_may_bring_commands_within_its_command(monkeypatch, tmp_path):
    (tmp_path / "lab_admin.py").write_text(
        "import typer\n"
        "app, users = typer.Typer(), typer.Typer()\n"
        "app.add_typer(users, name='users')\n"
        "@users.command('add')\n"
        "def add(name: str): print(name)\n"
        "@users.command('list')\n"
        "def listed(): raise typer.Exit(4)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = EntryPoint("admin", "lab_admin:app", plugins.GROUP)
    command = entry_points(monkeypatch, entry)
    assert CliRunner().invoke(command, ["admin", "users", "add", "ann"]).stdout == "ann\n"
    assert CliRunner().invoke(command, ["admin", "users", "list"]).exit_code == 4
    assert "users" in CliRunner().invoke(command, ["admin", "--help"]).stdout


def test_commands_of_the_service_are_hidden_where_it_is_not_installed(monkeypatch):
    ours = EntryPoint("serve", "subtomo_server.commands:serve", plugins.GROUP)
    theirs = EntryPoint("greet", "lab_commands:greet", plugins.GROUP)
    assert "serve" in CliRunner().invoke(entry_points(monkeypatch, ours, theirs), ["--help"]).stdout
    monkeypatch.setattr(plugins, "SERVICE_NEEDS", "a_missing_library")
    shown = CliRunner().invoke(entry_points(monkeypatch, ours, theirs), ["--help"]).stdout
    assert "serve" not in shown
    assert "greet" in shown
