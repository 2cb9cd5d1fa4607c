"""Links which sign a browser in: each serves once, and not for long."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from subtomo_server.admin import app
from subtomo_server.auth.authentication import COOKIE
from subtomo_server.auth.links import LINK_SECONDS, link_for
from subtomo_store.database.people_tables import TokenRow
from subtomo_store.people import access, users
from support.people import client_for
from support.racing import at_once


@pytest.fixture
def link(service):
    with service.store.begin() as session:
        ada = users.ensure(session, "ada")
    return link_for(service.store, ada, service.url)


def opened(link):
    return httpx.get(link, headers={"accept": "text/html"}, trust_env=False)


def who(service, answer):
    cookies = {COOKIE: answer.cookies[COOKIE]}
    return httpx.get(f"{service.url}/api/v1/me", cookies=cookies, trust_env=False)


def test_a_link_signs_in_once(service, link):
    first = opened(link)
    assert (first.status_code, who(service, first).json()["user"]["name"]) == (200, "ada")
    second = opened(link)
    assert (second.status_code, COOKIE in second.cookies) == (401, False)
    assert "has been used already" in second.text
    assert "subtomo admin link" in second.text


def test_a_link_used_by_many_at_once_serves_one(link):
    answers = at_once(lambda _: opened(link), 6)
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5


def test_a_link_is_not_kept_listed_or_a_token(service, link):
    text = link.partition("link=")[2]
    with service.store.read() as session:
        ada = users.find(session, "ada")
        rows = session.scalars(select(TokenRow).where(TokenRow.user_id == ada.id)).all()
        assert text not in {row.sha256 for row in rows}
        assert all(token.kind != "link" for token in access.tokens(session, ada.id))
        assert access.authenticate(session, text, "api") is None
        assert access.authenticate(session, text, "browser") is None


def test_an_old_link_and_a_disabled_user_are_refused(service, link):
    with service.store.begin() as session:
        row = session.scalars(select(TokenRow).where(TokenRow.kind == "link")).all()[-1]
        row.expires -= timedelta(seconds=LINK_SECONDS)
    assert opened(link).status_code == 401
    with service.store.begin() as session:
        ada = users.change(session, "ada", disabled=True)
    again = link_for(service.store, ada, service.url)
    assert opened(again).status_code == 401
    with service.store.begin() as session:
        users.change(session, "ada", disabled=False)


def test_a_session_ends_with_the_token_behind_its_link(service):
    with client_for(service, "ada", "read") as reader:
        text = reader.headers["authorization"].removeprefix("Bearer ")
    with service.store.read() as session:
        found = access.authenticate(session, text)
    answer = opened(link_for(service.store, found.user, service.url, text))
    assert who(service, answer).json()["scope"] == "read"
    with service.store.begin() as session:
        access.revoke(session, found.user.id, found.token.id)
    assert who(service, answer).status_code == 401


def test_a_token_in_an_address_signs_nobody_in(service):
    answer = httpx.get(f"{service.url}/login", params={"token": service.token}, trust_env=False)
    assert COOKIE not in answer.cookies


def test_the_command_prints_a_link(service, monkeypatch):
    data = service.store.settings.data
    (data / "connection.json").write_text(json.dumps({"url": service.url, "token": ""}))
    before = os.umask(0o022)
    os.umask(before)
    made = CliRunner().invoke(app, ["link", "ada"], env={"SUBTOMO_DATA": str(data)})
    assert made.output.startswith(f"{service.url}/login?link=subtomo_"), made.output
    assert opened(made.output.strip()).status_code == 200
    assert os.umask(before) == before
