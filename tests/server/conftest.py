"""One server for all tests of a module; its broker is the shared Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from subtomo_store import Settings
from support.browsing import Visit, chromium, visiting
from support.services import RedisServer, WorkerProcess
from support.serving import Served, ready_dataset, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "adding_worker.py"


@pytest.fixture(scope="module")
def service(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running server without a worker."""
    settings = Settings(
        data=tmp_path_factory.mktemp("data"), broker_url=redis.url, max_upload_bytes=4 * 2**20
    )
    with served(settings) as running:
        yield running


@pytest.fixture(scope="module")
def dataset(service: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Id of a dataset which is ready."""
    return ready_dataset(service.client, tmp_path_factory.mktemp("volumes"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, service: Served) -> Iterator[Visit]:
    """A visit of the tester."""
    with visiting(browser, service.url, service.token) as made:
        yield made


@pytest.fixture(scope="module")
def worker(service: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A live worker of the server."""
    settings = service.store.settings
    environment = {
        "SUBTOMO_DATA": str(settings.data),
        "SUBTOMO_BROKER_URL": str(settings.broker_url),
        "SUBTOMO_SWEEP_SECONDS": "1",
    }
    log = tmp_path_factory.mktemp("log") / "worker.log"
    process = WorkerProcess((str(SCRIPT),), environment, log).start()
    yield process
    process.kill()
