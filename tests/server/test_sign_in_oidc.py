"""Signing in by an identity provider: real redirects, real keys, and what must not let in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from joserfc.jwk import RSAKey
from pydantic import ValidationError

from subtomo_server.auth.accounts import session_of_identity
from subtomo_server.auth.authentication import COOKIE
from subtomo_server.auth.oidc import Identity
from subtomo_server.pages.sessions import FLOW_COOKIE
from subtomo_store import Settings
from subtomo_store.people import users
from support.issuer import CLIENT, SECRET, Issuer, running_issuer
from support.racing import at_once
from support.records import opened
from support.services import RedisServer
from support.serving import Served, served


@pytest.fixture(scope="module")
def provider() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(provider: Issuer, redis: RedisServer, tmp_path_factory) -> Iterator[Served]:
    settings = Settings(
        data=tmp_path_factory.mktemp("data"),
        broker_url=redis.url,
        oidc_issuer=provider.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_new_users=True,
    )
    with served(settings) as running:
        yield running


@pytest.fixture
def issuer(provider: Issuer) -> Issuer:
    """The provider, with nothing wrong and Ada signed in."""
    provider.person = {"sub": "42", "preferred_username": "ada"}
    provider.wrong, provider.signing = {}, None
    return provider


@pytest.fixture
def browser(service: Served) -> Iterator[httpx.Client]:
    with service.stranger as client:
        yield client


def back_from(issuer: Issuer, browser: httpx.Client) -> str:
    """Begin at the service and sign in at the provider; the address it sends the browser to."""
    begun = browser.get("/login/oidc")
    assert begun.status_code == 303
    assert begun.headers["location"].startswith(f"{issuer.url}/authorize?")
    return httpx.get(begun.headers["location"], trust_env=False).headers["location"]


def test_somebody_new_becomes_a_user_and_stays_the_same_one(service, issuer, browser):
    answer = browser.get(back_from(issuer, browser))
    assert answer.status_code == 200
    assert COOKIE in browser.cookies
    assert FLOW_COOKIE not in browser.cookies
    me = browser.get("/api/v1/me").json()
    assert (me["user"]["name"], me["user"]["role"], me["scope"]) == ("ada", "user", "admin")
    issuer.person["preferred_username"] = "ada-lovelace"
    with service.stranger as again:
        again.get(back_from(issuer, again))
        assert again.get("/api/v1/me").json()["user"]["id"] == me["user"]["id"]


def test_a_like_name_is_not_the_same_person(service, issuer, browser):
    with service.store.begin() as session:
        own = users.ensure(session, "grace")
    issuer.person = {"sub": "other", "preferred_username": "Grace"}
    browser.get(back_from(issuer, browser))
    me = browser.get("/api/v1/me").json()["user"]
    assert me["id"] != own.id
    assert me["name"] == "Grace-2"


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "of another sign-in"},
        {"aud": "another client"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"azp": "another client", "aud": [CLIENT, "another client"]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_token_which_is_not_for_this_sign_in_lets_nobody_in(issuer, browser, wrong):
    issuer.wrong = wrong
    answer = browser.get(back_from(issuer, browser))
    assert answer.status_code == 403
    assert "cannot be trusted" in answer.text
    assert COOKIE not in browser.cookies


def test_a_token_signed_by_another_key_lets_nobody_in(issuer, browser):
    issuer.signing = RSAKey.generate_key(2048, {"kid": "k1"})
    assert browser.get(back_from(issuer, browser)).status_code == 403


def test_an_answer_of_another_browsers_sign_in_lets_nobody_in(service, issuer, browser):
    with service.stranger as attacker:
        theirs = back_from(issuer, attacker)
    assert browser.get(theirs).status_code == 403
    back_from(issuer, browser)
    assert browser.get(theirs).status_code == 403
    assert COOKIE not in browser.cookies


def test_a_code_serves_once(issuer, browser):
    address = back_from(issuer, browser)
    flow = browser.cookies[FLOW_COOKIE]
    assert browser.get(address).status_code == 200
    browser.cookies.clear()
    browser.cookies.set(FLOW_COOKIE, flow)
    assert browser.get(address).status_code == 403
    assert COOKIE not in browser.cookies


def test_a_disabled_user_is_not_let_in(service, issuer, browser):
    issuer.person = {"sub": "gone", "preferred_username": "gone"}
    browser.get(back_from(issuer, browser))
    with service.store.begin() as session:
        users.change(session, "gone", disabled=True)
    assert browser.get("/api/v1/me").status_code == 401
    assert "may not sign in" in browser.get(back_from(issuer, browser)).text


def test_who_is_not_known_is_told_what_to_ask_for(issuer, redis, tmp_path):
    settings = Settings(
        data=tmp_path,
        broker_url=redis.url,
        oidc_issuer=issuer.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
    )
    with served(settings) as running, running.stranger as browser:
        assert "Sign in with your institution" in browser.get("/login").text
        refused = browser.get(back_from(issuer, browser))
        assert refused.status_code == 403
        assert f"{issuer.url} 42" in refused.text
        with running.store.begin() as session:
            made = users.create(session, "countess")
            users.change(session, made.id, oidc_subject=f"{issuer.url} 42")
        assert browser.get(back_from(issuer, browser)).status_code == 200
        assert browser.get("/api/v1/me").json()["user"]["name"] == "countess"


def test_a_provider_which_is_away_is_told_in_a_sentence(redis, tmp_path):
    settings = Settings(
        data=tmp_path, broker_url=redis.url, oidc_issuer="http://127.0.0.1:9", oidc_client_id="x"
    )
    with served(settings) as running, running.stranger as browser:
        answer = browser.get("/login/oidc")
        assert answer.status_code == 502
        assert "does not answer" in answer.text


@pytest.mark.parametrize("name", ["ada", "bob", "cleo"])
def test_somebody_new_who_comes_twice_at_once_is_one_user(tmp_path, database_url, name):
    same, other = Identity("1", name), Identity("2", name)
    with opened(tmp_path, database_url, oidc_new_users=True) as store:
        at_once(lambda number: session_of_identity(store, (same, same, other)[number]), 3)
        with store.read() as session:
            found = {user.name: user.oidc_subject for user in users.page(session)}
    assert set(found) == {name, f"{name}-2"}
    assert set(found.values()) == {"1", "2"}


def test_an_issuer_needs_a_client_id():
    with pytest.raises(ValidationError, match="SUBTOMO_OIDC_CLIENT_ID"):
        Settings(oidc_issuer="https://id.example")
