"""Services which tests of several rooms share, started at the first use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.services import RedisServer, fresh_database, postgres_server, redis_server


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A running Redis which all tests share: a test which counts messages empties it first."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('database')}/subtomo.db"
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield url
