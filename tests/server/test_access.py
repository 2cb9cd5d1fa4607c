"""Nobody comes in without a token, and no foreign page can act for a signed-in browser."""

from __future__ import annotations

import httpx
import pytest

from subtomo_server.auth.accounts import session_by_token
from subtomo_server.auth.authentication import COOKIE, PUBLIC
from subtomo_server.auth.links import link_for
from subtomo_store.people import users
from support.serving import Served


def test_the_public_list_is_short_and_holds_no_data():
    assert not any("datasets" in path or "jobs" in path or "maps" in path for path in PUBLIC)


def test_a_wrong_token_is_refused(service: Served):
    with service.stranger as stranger:
        answer = stranger.get("/api/v1/jobs", headers={"authorization": "Bearer subtomo_wrong"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_page_without_a_token_leads_to_the_sign_in_page(service: Served):
    with service.stranger as stranger:
        answer = stranger.get("/", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_the_link_signs_in_by_a_cookie_which_scripts_cannot_read(service: Served):
    with service.stranger as stranger:
        with service.store.begin() as session:
            ada = users.ensure(session, "ada")
        answer = stranger.get(link_for(service.store, ada, service.url))
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert stranger.get("/").status_code == 200


def test_a_wrong_link_signs_nobody_in(service: Served):
    with service.stranger as stranger:
        answer = stranger.get("/login", params={"link": "subtomo_wrong"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"origin": "OWN"}, 201),
    ],
)
def test_a_cookie_writes_only_from_a_page_of_this_server(
    service: Served, headers: dict[str, str], status: int
):
    own = {key: service.url if value == "OWN" else value for key, value in headers.items()}
    with httpx.Client(
        base_url=service.url, cookies={COOKIE: session_by_token(service.store, service.token)}
    ) as browser:
        body = {"name": "from a page", "missing": {"kind": "none"}}
        answer = browser.post("/api/v1/datasets", json=body, headers=own)
    assert answer.status_code == status


def test_another_users_things_do_not_exist(service: Served, dataset: str):
    with service.another_user() as other:
        assert other.get(f"/datasets/{dataset}").status_code == 404
        assert other.delete(f"/datasets/{dataset}").status_code == 404
        assert other.put(f"/datasets/{dataset}/files/a.mrc", content=b"x").status_code == 404
        assert other.get("/datasets").json()["items"] == []
        spec = {"dataset": dataset, "algorithm": "fa"}
        assert other.post("/jobs", json=spec).json()["errors"][0]["pointer"] == "/dataset"


def test_every_answer_carries_the_security_headers_and_an_id(service: Served):
    with service.stranger as stranger:
        for path in ("/login", "/api/v1/jobs", "/api/v1/health/live", "/static/style.css"):
            headers = stranger.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe-inline" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert len(headers["x-request-id"]) == 32
        given = stranger.get("/login", headers={"x-request-id": "mine-1"}).headers
        assert given["x-request-id"] == "mine-1"
        forged = stranger.get("/login", headers={"x-request-id": "a b"}).headers
        assert forged["x-request-id"] != "a b"
