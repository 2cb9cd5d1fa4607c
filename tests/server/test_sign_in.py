"""Signing in by password or link: sessions, throttling, signing out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import delete, update

from subtomo_server.auth.authentication import COOKIE
from subtomo_store.database.engine import now
from subtomo_store.database.people_tables import AttemptsRow, TokenRow
from subtomo_store.people import access, passwords, throttle, users
from support.people import client_for
from support.serving import Served

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _fresh(service: Served) -> None:
    """Ada has a password, and nobody has failed yet."""
    with service.store.begin() as session:
        session.execute(delete(AttemptsRow))
        ada = users.ensure(session, "ada")
        users.change(session, ada.id, disabled=False)
        users.set_password(session, ada.id, passwords.hashed(PASSWORD))


@pytest.fixture
def browser(service: Served) -> Iterator[httpx.Client]:
    headers = {"sec-fetch-site": "same-origin", "accept": "text/html"}
    with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as client:
        yield client


def sign_in(browser: httpx.Client, name: str = "ada", password: str = PASSWORD) -> httpx.Response:
    return browser.post("/login", data={"name": name, "password": password})


def test_name_and_password_open_a_session_of_its_own_kind(service, browser):
    assert sign_in(browser).status_code == 200
    text = browser.cookies[COOKIE]
    assert browser.get("/").status_code == 200
    with service.store.read() as session:
        assert access.authenticate(session, text) is None
        found = access.authenticate(session, text, "browser")
        assert found is not None
        assert found.token.expires is not None
    with service.stranger as script:
        answer = script.get("/api/v1/me", headers={"authorization": f"Bearer {text}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("tester", ""), ("", "")]
)
def test_what_is_wrong_is_not_told_apart(browser, name, password):
    answer = sign_in(browser, name, password)
    assert answer.status_code == 401
    assert "do not belong together" in answer.text
    assert COOKIE not in browser.cookies


def test_a_disabled_user_is_refused_like_a_wrong_password(service, browser):
    with service.store.begin() as session:
        users.change(session, "ada", disabled=True)
    assert sign_in(browser).status_code == 401


def test_an_unknown_name_takes_as_long_as_a_known_one(service):
    def seconds(kept: str | None) -> float:
        times = []
        for _ in range(5):
            began = time.process_time()
            assert not passwords.matches(kept, "wrong")
            times.append(time.process_time() - began)
        return min(times)

    known, unknown = seconds(passwords.hashed(PASSWORD)), seconds(None)
    assert unknown > 0.5 * known
    assert known > 0.5 * unknown


def test_guessing_has_to_wait_whoever_is_guessed_at(service, browser):
    for name in ("ada", "nobody"):
        for _ in range(throttle.FREE_FAILURES["name"]):
            assert sign_in(browser, name, "wrong").status_code == 401
        answer = sign_in(browser, name)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "wait" in answer.text
    with service.store.begin() as session:
        session.execute(update(AttemptsRow).values(last=now(session) - throttle.FORGOTTEN_AFTER))
    assert sign_in(browser).status_code == 200


def test_many_guesses_at_the_same_moment_count_each(browser, service):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: sign_in(browser, "ada", "wrong").status_code, range(20)))
    assert answers.count(401) <= throttle.FREE_FAILURES["name"] + 1
    assert answers.count(429) == 20 - answers.count(401)


def test_guessing_at_many_names_has_to_wait_too(service, browser):
    with service.store.begin() as session:
        for number in range(throttle.FREE_FAILURES["address"]):
            throttle.note_failure(session, f"name {number}", "127.0.0.1")
    assert sign_in(browser).status_code == 429


def test_the_form_of_another_site_signs_nobody_in(browser):
    answer = browser.post(
        "/login",
        data={"name": "ada", "password": PASSWORD},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 403


def test_signing_out_revokes_the_session(browser):
    sign_in(browser)
    text = browser.cookies[COOKIE]
    assert browser.post("/logout").headers["location"] == "/login"
    browser.cookies.set(COOKIE, text)
    assert browser.get("/").headers["location"] == "/login"


def test_a_session_ends(service, browser):
    sign_in(browser)
    with service.store.begin() as session:
        session.execute(
            update(TokenRow)
            .where(TokenRow.sha256 == access.digest(browser.cookies[COOKIE]))
            .values(expires=now(session))
        )
    assert browser.get("/").headers["location"] == "/login"


def test_a_new_password_ends_other_sessions(service, browser):
    sign_in(browser)
    other = browser.cookies[COOKIE]
    browser.cookies.clear()
    sign_in(browser)
    forms = {"present": PASSWORD, "password": "another good one", "again": "another good one"}
    assert browser.post("/account/password", data=forms | {"again": "typo"}).status_code == 422
    assert browser.post("/account/password", data=forms | {"present": "no"}).status_code == 422
    assert browser.post("/account/password", data=forms).status_code == 200
    assert browser.get("/").status_code == 200
    with service.store.read() as session:
        assert access.authenticate(session, other, "browser") is None
    browser.cookies.clear()
    assert sign_in(browser).status_code == 401
    assert sign_in(browser, password="another good one").status_code == 200


def test_a_session_opened_by_a_token_may_no_more_than_the_token(service, browser):
    with client_for(service, "ada", "read") as reader:
        text = reader.headers["authorization"].removeprefix("Bearer ")
    browser.post("/login", data={"token": text})
    assert browser.get("/api/v1/me").json()["scope"] == "read"
    assert browser.post("/account/tokens", data={"label": "x", "scope": "admin"}).status_code == 403
    with service.store.begin() as session:
        found = access.authenticate(session, text)
        assert found is not None
        access.revoke(session, found.user.id, found.token.id)
    assert browser.get("/api/v1/me").status_code == 401


def test_the_password_is_kept_as_a_hash(service):
    with service.store.read() as session:
        kept = users.secret(session, "ada")
    assert kept is not None
    assert kept.password_hash.startswith("$argon2id$")
    assert PASSWORD not in repr(kept)
