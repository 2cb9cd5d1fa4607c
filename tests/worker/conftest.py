"""A workplace on SQLite, with a Redis emptied before each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.services import RedisServer, fresh_database
from support.workplace import workplace


@pytest.fixture
def place(tmp_path: Path, broker: RedisServer):
    with workplace(tmp_path, f"sqlite:///{tmp_path}/subtomo.db", broker) as made:
        yield made


@pytest.fixture
def broker(redis: RedisServer) -> RedisServer:
    redis.empty()
    return redis


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer):
    """Bits of the standard job, run once by one worker and one message each."""
    folder: Path = tmp_path_factory.mktemp("undisturbed")
    with workplace(folder, f"sqlite:///{folder}/subtomo.db", redis) as made:
        job = made.submit(**STANDARD)
        worker = made.worker()
        assert made.wait(job).status == "succeeded"
        assert worker.terminate() == 0
        return made.bits(job)


@pytest.fixture
def postgres_database(postgres_url: str):
    with fresh_database(postgres_url) as url:
        yield url


STANDARD = {"classes": 2, "batch_particles": 3, "iterations": 2}


@pytest.fixture
def standard() -> dict[str, int]:
    return dict(STANDARD)
