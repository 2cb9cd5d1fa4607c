"""Settings, the clock and the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from subtomo_store import Settings, access, open_store, users
from subtomo_store.bell import Bell
from subtomo_store.database import now
from subtomo_store.records import Message
from support.records import opened, user_named
from support.services import RedisServer, redis_server


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SUBTOMO_DATA", "/somewhere")
    monkeypatch.setenv("SUBTOMO_WINDOW", "3")
    settings = Settings()
    assert settings.data == Path("/somewhere")
    assert settings.window == 3
    assert settings.resolved_database_url == "sqlite:////somewhere/subtomo.db"


def test_the_data_folder_is_made(tmp_path):
    store = open_store(Settings(data=tmp_path / "deep" / "data"))
    store.migrate()
    store.ping()
    store.close()
    assert (tmp_path / "deep" / "data" / "subtomo.db").exists()


def test_times_are_utc(tmp_path, database_url):
    with opened(tmp_path, database_url) as store:
        with store.begin() as session:
            moment = now(session)
            user = user_named(session)
        with store.read() as session:
            assert users.get(session, user.id).created == user.created
    assert abs((moment - datetime.now(UTC)).total_seconds()) < 5
    assert user.created.utcoffset().total_seconds() == 0


def test_an_error_rolls_everything_back(tmp_path, database_url):
    with opened(tmp_path, database_url) as store:
        made = []
        with pytest.raises(ZeroDivisionError), store.begin() as session:
            _make_user_and_fail(session, made)
        with store.begin() as session:
            assert user_named(session).id != made[0]


def _make_user_and_fail(session, made):
    made.append(user_named(session).id)
    raise ZeroDivisionError


def test_a_reader_does_not_wait_for_a_writer(tmp_path, database_url):
    with opened(tmp_path, database_url) as store, store.begin() as writing:
        user = user_named(writing)
        with store.read() as session:
            assert access.tokens(session, user.id) == []


def test_the_bell_never_raises(tmp_path):
    bell = Bell(f"redis+socket://{tmp_path}/nobody.sock")
    assert bell.ring([Message("begin", "task_1", "cpu")]) is False
    bell.close()


def test_the_bell_rings_again_when_the_broker_is_back():
    with redis_server() as server:
        assert isinstance(server, RedisServer)
        bell = Bell(server.url)
        assert bell.ring([Message("begin", "task_1", "cpu")])
        server.stop()
        assert not bell.ring([Message("begin", "task_2", "cpu")])
        server.start()
        assert bell.ring([Message("begin", "task_3", "cpu")])
        bell.close()
