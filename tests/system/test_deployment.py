"""What the composition, the image, the units and the batch script say fits the program."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import subprocess

import pytest
import typer
from typer.testing import CliRunner

from subtomo_server.commands import serve
from subtomo_store import Settings
from subtomo_worker.commands import worker
from support import compose
from support.services import ROOT

SETTINGS = {f"SUBTOMO_{name.upper()}" for name in Settings.model_fields}
FOREIGN = {"FORWARDED_ALLOW_IPS"}
COMMANDS = {"serve": serve, "worker": worker}
IMAGE = (ROOT / "Dockerfile").read_text()


def options_of(command: str) -> set[str]:
    """Options which a ``subtomo`` command has, by its own help."""
    app = typer.Typer()
    app.command()(COMMANDS[command])
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    return set(re.findall(r"--[a-z-]+", shown))


def check_command(words: list[str]) -> None:
    assert words[0].rpartition("/")[2] == "subtomo"
    given = {word for word in words[2:] if word.startswith("--")}
    assert given <= options_of(words[1]), words


@pytest.mark.parametrize("service", ["server", "worker"])
def test_the_environment_is_that_of_the_settings(service: str, monkeypatch: pytest.MonkeyPatch):
    given = compose.environment_of(service)
    assert set(given) - FOREIGN <= SETTINGS
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.broker_url == f"redis://:{compose.FILLED_IN['REDIS_PASSWORD']}@redis:6379/0"
    assert settings.resolved_log_format == "json"
    assert {"redis", "postgres"} <= set(compose.compose()["services"])
    assert "@postgres:5432/subtomo" in str(settings.database_url)


def test_server_and_worker_share_image_data_and_what_names_the_service():
    services = compose.compose()["services"]
    server, worker_ = services["server"], services["worker"]
    assert server["image"] == worker_["image"]
    shared = ("SUBTOMO_DATA", "SUBTOMO_DATABASE_URL", "SUBTOMO_BROKER_URL")
    for name in shared:
        assert server["environment"][name] == worker_["environment"][name]
    folder = server["environment"]["SUBTOMO_DATA"]
    for service in (server, worker_):
        assert f"data:{folder}" in service["volumes"]
        assert service["deploy"]["replicas"] >= 2


def test_every_command_exists_with_its_options():
    services = compose.compose()["services"]
    for service in ("server", "worker"):
        check_command(services[service]["command"])
    check_command(services["worker"]["healthcheck"]["test"][1:])
    (command,) = re.findall(r"^CMD (\[.*\])$", IMAGE, re.MULTILINE)
    check_command(ast.literal_eval(command))


def test_ports_and_paths_agree():
    services = compose.compose()["services"]
    port = services["server"]["environment"]["SUBTOMO_PORT"]
    assert services["server"]["expose"] == [port]
    assert int(port) == Settings.model_fields["port"].default
    assert f"EXPOSE {port}" in IMAGE
    assert f":{port}/api/v1/health/live" in " ".join(services["server"]["healthcheck"]["test"])
    proxy = (ROOT / "deploy" / "Caddyfile").read_text()
    assert f"dynamic a server {port}" in proxy
    assert "respond /metrics 404" in proxy
    assert "ports" not in services["server"], "only the proxy is reached from outside"


def test_every_service_has_health_grace_and_a_pinned_version():
    services = compose.compose()["services"]
    for name, service in services.items():
        assert {"healthcheck", "stop_grace_period", "restart"} <= set(service), name
        image = service["image"]
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", image), image
    named = {volume.partition(":")[0] for s in services.values() for volume in s["volumes"]}
    assert {volume for volume in named if not volume.startswith(".")} == set(
        compose.compose()["volumes"]
    )


def test_the_broker_forgets_nothing_by_itself():
    (command,) = compose.compose()["services"]["redis"]["command"][2:]
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_example_names_every_secret_and_holds_none():
    text = (ROOT / "docker-compose.yml").read_text()
    wanted = {found["name"] for found in compose.VARIABLE.finditer(text)}
    assert wanted <= compose.example_names()
    lines = (ROOT / "deploy" / "example.env").read_text().splitlines()
    filled = {line.partition("=")[0] for line in lines if re.match(r"\w+=.", line)}
    assert filled == {"SUBTOMO_DOMAIN", "SUBTOMO_THREADS"}
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert ".env" in ignored


def test_the_image_is_pinned_runs_as_nobody_and_takes_what_is_built():
    assert re.search(r"^ARG PYTHON=\d+\.\d+\.\d+-slim-\w+$", IMAGE, re.MULTILINE)
    assert len(re.findall(r"^FROM python:\$\{PYTHON\}", IMAGE, re.MULTILINE)) == 2
    assert IMAGE.index("USER 10001:10001") < IMAGE.index("CMD [")
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", IMAGE, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists()
            assert f"!{name}" in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("unit", ["subtomo-server.service", "subtomo-worker@.service"])
def test_units_start_commands_which_exist(unit: str):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "deploy" / "systemd" / unit)
    check_command(shlex.split(parser["Service"]["ExecStart"]))
    assert parser["Service"]["User"] == "subtomo"
    assert int(parser["Service"]["TimeoutStopSec"]) >= 20


def test_the_batch_script_is_sound_and_starts_a_worker():
    path = ROOT / "deploy" / "slurm" / "worker.sbatch"
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    text = path.read_text()
    assert re.search(r'bin/subtomo" worker$', text, re.MULTILINE)
    names = set(re.findall(r"\bSUBTOMO_[A-Z_]+", text))
    assert names - {"SUBTOMO_ENVIRONMENT", "SUBTOMO_PREFIX"} <= SETTINGS


def test_the_how_to_names_only_settings_and_files_which_exist():
    text = (ROOT / "docs" / "how-to" / "facility.md").read_text()
    own = {"SUBTOMO_DOMAIN", "SUBTOMO_ENVIRONMENT", "SUBTOMO_TOKEN"}
    assert set(re.findall(r"\bSUBTOMO_[A-Z_]+\b", text)) - own <= SETTINGS
    for name in re.findall(r"`((?:deploy|docs)/[\w./@-]+)`", text):
        assert (ROOT / name).exists(), name
