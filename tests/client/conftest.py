from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from subtomo import Client
from subtomo.cli import app
from support.small_server import SmallServer, small_server


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with small_server() as running:
        yield running


@pytest.fixture
def client(server: SmallServer) -> Iterator[Client]:
    with Client(server.url, "secret", patience=5.0) as connected:
        yield connected


@pytest.fixture(autouse=True)
def _no_other_server(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory):
    """No test meets a server which its user happens to run."""
    for name in ("SUBTOMO_URL", "SUBTOMO_TOKEN", "SUBTOMO_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SUBTOMO_DATA", str(tmp_path_factory.mktemp("nobody")))


@pytest.fixture
def cli(server: SmallServer, monkeypatch: pytest.MonkeyPatch):
    """Run the command against the small server."""
    monkeypatch.setenv("SUBTOMO_URL", server.url)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args: str) -> Result:
        return CliRunner().invoke(app, list(args))

    return call
