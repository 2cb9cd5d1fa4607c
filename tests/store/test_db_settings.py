"""Settings, the clock and the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from subtomo_core.errors import InputError
from subtomo_store import Settings, open_store
from subtomo_store.config.settings import read_settings
from subtomo_store.database.engine import now
from subtomo_store.database.records import Message
from subtomo_store.jobs.bell import Bell
from subtomo_store.people import access, users
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
    assert abs((moment - datetime.now(UTC)).total_seconds()) < 60
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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("METRICS_TOKEN", "short-secret", "SUBTOMO_METRICS_TOKEN: it needs 16 characters or more"),
        ("PORT", "http", "SUBTOMO_PORT: input should be a valid integer"),
        ("SOURCE_ROOTS", "/data", "SUBTOMO_SOURCE_ROOTS is a list: write it as JSON"),
        ("OIDC_ISSUER", "https://id.example", "SUBTOMO_OIDC_ISSUER needs SUBTOMO_OIDC_CLIENT_ID"),
    ],
)
def test_a_setting_which_cannot_be_used_is_told_without_its_value(monkeypatch, name, value, told):
    monkeypatch.setenv(f"SUBTOMO_{name}", value)
    with pytest.raises(InputError) as caught:
        read_settings()
    assert str(caught.value).startswith(told)
    assert value not in str(caught.value)


def test_what_is_given_goes_before_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SUBTOMO_PORT", "1")
    settings = read_settings(data=tmp_path, port=2, host=None)
    assert (settings.data, settings.port, settings.host) == (tmp_path, 2, "127.0.0.1")
