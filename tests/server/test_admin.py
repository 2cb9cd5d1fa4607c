"""The administrator's commands, on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from subtomo_server.admin import app
from subtomo_store import Settings, open_store
from subtomo_store.people import access, passwords, users

Admin = Callable[..., "Done"]


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def settings(tmp_path, database_url) -> Settings:
    return Settings(data=tmp_path, database_url=database_url)


@pytest.fixture
def admin(settings) -> Admin:
    given = {
        "SUBTOMO_DATA": str(settings.data),
        "SUBTOMO_DATABASE_URL": str(settings.database_url),
    }

    def run(*arguments: str, typed: str = "") -> Done:
        done = CliRunner().invoke(app, list(arguments), input=typed, env=given)
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


def test_a_facilitys_first_administrator(admin, settings):
    made = admin("users", "add", "root", "--admin")
    assert made.code == 0, made.err
    text = made.out.split()[-1]
    store = open_store(settings)
    with store.read() as session:
        found = access.authenticate(session, text)
        assert found is not None
        assert (found.user.name, found.user.role, found.token.scope) == ("root", "admin", "admin")
        assert found.token.expires is not None
        ((token,),) = (access.tokens(session, found.user.id),)
    refused = admin("users", "disable", "root")
    assert (refused.code, "only administrator" in refused.err) == (2, True)
    listed = admin("tokens", "list", "root").out
    assert token.id in listed
    assert text not in listed
    assert admin("tokens", "revoke", "root", token.id).code == 0
    with store.read() as session:
        assert access.authenticate(session, text) is None
    store.close()


def test_a_password_is_read_and_never_an_argument(admin, settings):
    assert admin("users", "add", "ada", "--password", typed="long enough\n").code == 0
    store = open_store(settings)

    def right(password: str) -> bool:
        with store.read() as session:
            kept = users.secret(session, "ada")
        return kept is not None and passwords.matches(kept.password_hash, password)

    assert right("long enough")
    short = admin("users", "password", "ada", typed="short\n")
    assert (short.code, "5 characters" in short.err) == (2, True)
    assert "Traceback" not in short.err
    assert admin("users", "password", "ada", typed="quite another\n").code == 0
    assert right("quite another")
    assert admin("users", "password", "ada", "typed as argument").code == 2
    store.close()


def test_groups_and_quotas(admin):
    for name in ("ada", "bob"):
        admin("users", "add", name)
    assert admin("groups", "add", "lab", "--owner", "ada").code == 0
    assert admin("groups", "members", "set", "lab", "bob", "editor").code == 0
    told = admin("groups", "members", "list", "lab").out.split("\n")
    assert [line.split() for line in told if line][1:] == [["ada", "owner"], ["bob", "editor"]]
    assert "2 TiB" in admin("quotas", "set", "bob", "--disk", "2T", "--running-jobs", "1").out
    assert "without limit" in admin("quotas", "set", "bob", "--disk", "usual").out
    wrong = admin("quotas", "set", "bob", "--highest-priority", "101")
    assert (wrong.code, "0 to 100" in wrong.err) == (2, True)
    assert admin("users", "role", "nobody", "admin").err.strip() == "there is no user nobody"
