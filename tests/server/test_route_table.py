"""Every route against every kind of person: whoever adds a route says here who may use it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute, Mount

from subtomo_server.app import create_app
from subtomo_server.auth.authentication import is_public
from subtomo_store import Settings
from support.people import ROLES, Things, client_for, make_things
from support.serving import Served
from support.tus import BODY, TUS, b64

NUMBERS = count(1)
API = "/api/v1"
JOB = f"{API}/jobs/{{job_id}}"
CLASS = f"{JOB}/iterations/{{which}}/classes/{{k}}"
DATASET = f"{API}/datasets/{{dataset_id}}"
UPLOADS = f"{DATASET}/uploads"
UPLOAD = f"{UPLOADS}/{{upload_id}}"
MAP = f"{API}/maps/{{map_id}}"
GROUP = f"{API}/groups/{{group}}"
EXPORTS = ("particles.tbl", "tomograms.doc", "motive_list.star", "posteriors.npz", "placed.zip")
EXPORTS += ("map_back.mrc",)
SHARPENED = ("guinier.json", "sharpened.mrc", "sharpened_display.mrc")
HALF_MAPS = ("local_resolution.json", "local_resolution.mrc", "local_resolution_display.mrc")
HALF_MAPS += ("directional_fsc.json",)
COMPARED = ("compared.json", "compared.mrc", "compared_display.mrc")

# Who may: "public", "anyone" who is signed in, the role over what is named in the path,
# "mine" (only what is one's own), "admin".
EXPECTED: dict[tuple[str, str], str] = {
    **{
        ("GET", path): "public"
        for path in (
            "/docs",
            "/favicon.ico",
            "/help",
            "/help/anything",
            "/login",
            "/login/oidc",
            "/login/oidc/callback",
            "/metrics",
            "/openapi.json",
            "/static/anything",
            f"{API}/service-info",
            f"{API}/health/live",
            f"{API}/health/ready",
        )
    },
    ("HEAD", "/openapi.json"): "public",
    ("POST", "/login"): "public",
    **dict.fromkeys(
        (
            ("GET", "/"),
            ("GET", "/account"),
            ("POST", "/account/tokens"),
            ("POST", "/account/password"),
            ("POST", "/account/groups"),
            ("POST", "/logout"),
            ("GET", f"{API}/datasets"),
            ("POST", f"{API}/datasets"),
            ("POST", f"{API}/datasets/propose-region"),
            ("GET", f"{API}/jobs"),
            ("POST", f"{API}/jobs"),
            ("POST", f"{API}/jobs/validate"),
            ("POST", f"{API}/jobs/estimate"),
            ("POST", f"{API}/jobs/sweep"),
            ("GET", f"{API}/webhook-secret"),
            ("POST", f"{API}/webhook-secret"),
            ("GET", f"{API}/maps"),
            ("POST", f"{API}/maps"),
            ("GET", f"{API}/me"),
            ("GET", f"{API}/usage"),
            ("OPTIONS", UPLOADS),
            ("PUT", f"{API}/me/password"),
            ("GET", f"{API}/tokens"),
            ("POST", f"{API}/tokens"),
            ("GET", f"{API}/groups"),
            ("POST", f"{API}/groups"),
        ),
        "anyone",
    ),
    ("DELETE", f"{API}/tokens/{{token_id}}"): "mine",
    ("POST", "/account/tokens/{token_id}/revoke"): "mine",
    **{
        ("GET", path): "viewer"
        for path in (
            "/datasets/{dataset_id}",
            "/jobs/{job_id}",
            DATASET,
            f"{DATASET}/files",
            f"{DATASET}/truth",
            f"{DATASET}/truth/{{file}}",
            f"{DATASET}/preview.png",
            UPLOADS,
            JOB,
            f"{JOB}/events",
            f"{JOB}/archive.zip",
            f"{JOB}/iterations",
            f"{JOB}/iterations/{{which}}",
            f"{JOB}/iterations/{{which}}/particles.star",
            *(f"{JOB}/iterations/{{which}}/{name}" for name in EXPORTS),
            *(f"{JOB}/iterations/{{which}}/dissimilarity.{kind}" for kind in ("npy", "mrc", "png")),
            *(f"{CLASS}/{name}" for name in ("map.mrc", "half1.mrc", "half2.mrc", "slices.png")),
            f"{CLASS}/map.em",
            f"{CLASS}/display.mrc",
            f"{CLASS}/directions.json",
            *(f"{CLASS}/{name}" for name in (*COMPARED, *SHARPENED, *HALF_MAPS)),
            f"{JOB}/iterations/{{which}}/changed.json",
            f"{JOB}/iterations/{{which}}/particles",
            f"{JOB}/iterations/{{which}}/particles/{{row}}/display.mrc",
            "/jobs/{job_id}/compare",
            *(f"{CLASS}/fsc.{kind}" for kind in ("json", "star", "xml")),
            MAP,
            f"{MAP}/map.mrc",
            GROUP,
            f"{GROUP}/members",
        )
    },
    # These make a dataset and a map of one's own.
    ("POST", f"{JOB}/iterations/{{which}}/selection"): "viewer",
    ("POST", f"{CLASS}/mask"): "viewer",
    ("HEAD", UPLOAD): "viewer",
    ("POST", UPLOADS): "editor",
    ("PATCH", UPLOAD): "editor",
    ("POST", UPLOAD): "editor",
    ("DELETE", UPLOAD): "editor",
    ("PATCH", DATASET): "editor",
    ("PUT", f"{DATASET}/files/{{name:path}}"): "editor",
    ("DELETE", f"{DATASET}/files/{{name:path}}"): "editor",
    ("POST", f"{DATASET}/seal"): "editor",
    ("POST", "/datasets/{dataset_id}/jobs"): "editor",
    ("POST", "/datasets/{dataset_id}/jobs/check"): "editor",
    ("PATCH", JOB): "editor",
    ("POST", f"{JOB}/cancel"): "editor",
    ("POST", f"{JOB}/continue"): "editor",
    ("POST", f"{JOB}/resume"): "editor",
    ("POST", f"{JOB}/clone"): "editor",
    ("POST", "/jobs/{job_id}/continue"): "editor",
    ("POST", "/jobs/{job_id}/resume"): "editor",
    ("POST", "/jobs/{job_id}/clone"): "editor",
    ("POST", "/jobs/{job_id}/cancel"): "editor",
    ("POST", "/jobs/{job_id}/priority"): "editor",
    ("PATCH", MAP): "editor",
    ("DELETE", DATASET): "owner",
    ("POST", "/datasets/{dataset_id}/group"): "owner",
    ("POST", "/datasets/{dataset_id}/delete"): "owner",
    ("DELETE", JOB): "owner",
    ("POST", "/jobs/{job_id}/delete"): "owner",
    ("POST", "/jobs/{job_id}/group"): "owner",
    ("DELETE", MAP): "owner",
    ("DELETE", GROUP): "owner",
    ("PUT", f"{GROUP}/members/{{member}}"): "owner",
    ("DELETE", f"{GROUP}/members/{{member}}"): "owner",
    ("POST", "/account/groups/{group}/members"): "owner",
    ("POST", "/account/groups/{group}/members/{member}/remove"): "owner",
    ("GET", "/users"): "admin",
    ("POST", "/users"): "admin",
    ("GET", "/users/{user}"): "admin",
    ("POST", "/users/{user}"): "admin",
    ("GET", f"{API}/users"): "admin",
    ("POST", f"{API}/users"): "admin",
    ("GET", f"{API}/users/{{user}}"): "admin",
    ("PATCH", f"{API}/users/{{user}}"): "admin",
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("HEAD", UPLOAD): {"headers": TUS},
    ("POST", UPLOADS): {
        "headers": TUS | {"Upload-Length": "4", "Upload-Metadata": f"filename {b64('b.mrc')}"}
    },
    ("PATCH", UPLOAD): {"headers": TUS | BODY | {"Upload-Offset": "0"}},
    ("POST", UPLOAD): {"headers": TUS | {"X-HTTP-Method-Override": "DELETE"}},
    ("DELETE", UPLOAD): {"headers": TUS},
    **{("GET", f"{CLASS}/{name}"): {"params": {"with": "job_1"}} for name in COMPARED},
    ("GET", f"{JOB}/iterations/{{which}}/changed.json"): {"params": {"with": "job_1"}},
    ("POST", f"{JOB}/iterations/{{which}}/selection"): {"json": {"name": "some"}},
    ("POST", f"{CLASS}/mask"): {"json": {"name": "mask", "level": 2}},
    ("POST", f"{JOB}/continue"): {"json": {}},
    ("POST", f"{JOB}/clone"): {"json": {}},
    ("PATCH", DATASET): {"json": {"name": "new"}},
    ("PATCH", JOB): {"json": {"name": "new", "priority": 10}},
    ("PATCH", MAP): {"json": {"name": "new"}},
    ("PUT", f"{GROUP}/members/{{member}}"): {"json": {"role": "viewer"}},
    ("POST", "/account/groups/{group}/members"): {"data": {"user": "viewer", "role": "viewer"}},
    ("POST", f"{API}/users"): {"json": {"name": "new"}},
    ("POST", "/users"): {"data": {"name": "new-by-form"}},
    ("PATCH", f"{API}/users/{{user}}"): {"json": {"disabled": False}},
    ("POST", "/jobs/{job_id}/priority"): {"data": {"priority": "10"}},
    ("POST", "/datasets/{dataset_id}/jobs"): {"data": {"algorithm": "fa"}},
}
# Written as POST, but only read.
READ_BY_POST = {("POST", f"{API}/jobs/validate"), ("POST", f"{API}/jobs/estimate")}
READ_BY_POST |= {("POST", f"{API}/datasets/propose-region"), ("POST", "/logout")}


def addresses(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path of the route table, whatever kind of route it is."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            context = route.include_context  # type: ignore[attr-defined]
            yield from addresses(inner.routes, prefix + context.prefix)
        elif isinstance(route, Mount):
            yield "GET", prefix + route.path + "/anything"
        else:
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                yield method, prefix + route.path  # type: ignore[attr-defined]


def table() -> list[tuple[str, str]]:
    app = create_app(Settings(broker_url="memory://"))
    return sorted(set(addresses(app.routes)))


ROUTES = table()
OVER_RECORDS = [call for call in ROUTES if EXPECTED.get(call) in ROLES]


def ask(client: httpx.Client, call: tuple[str, str], things: Things) -> httpx.Response:
    method, path = call
    return client.request(method, things.address(path), **BODIES.get(call, {}))


@pytest.fixture(scope="module")
def people(service: Served) -> Iterator[dict[str, httpx.Client]]:
    """A client of each: the roles in each group, a stranger, the maker, an administrator."""
    names = (*ROLES, "maker", "stranger", "root")
    clients = {name: client_for(service, name) for name in names}
    clients["nobody"] = service.stranger
    clients["maker who may read"] = client_for(service, "maker", "read")
    clients["maker who may write"] = client_for(service, "maker", "write")
    clients["root who may write"] = client_for(service, "root", "write")
    yield clients
    for client in clients.values():
        client.close()


def things_of(service: Served) -> Things:
    return make_things(service.store, next(NUMBERS))


def problem(answer: httpx.Response) -> str:
    if answer.request.method == "HEAD":  # which has no body
        return {401: "not-signed-in", 404: "not-found"}.get(answer.status_code, "")
    kind = answer.headers.get("content-type", "")
    return str(answer.json()["type"]).rpartition(":")[2] if "problem" in kind else ""


def test_every_route_says_here_who_may_use_it():
    assert set(ROUTES) == set(EXPECTED)


def test_the_walk_sees_every_documented_route():
    app = create_app(Settings(broker_url="memory://"))
    documented = {
        (method.upper(), path.replace("{name}", "{name:path}"))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert documented <= set(ROUTES)
    assert len(documented) > 40


@pytest.mark.parametrize("call", ROUTES, ids=" ".join)
def test_without_a_token_nothing_but_the_public_list_answers(service, people, call):
    things = Things("g", "ds_1", "job_1", "map_1", "tok_1", "upl_1")
    answer = ask(people["nobody"], call, things)
    assert (EXPECTED[call] == "public") == is_public(call[1])
    if EXPECTED[call] == "public":
        assert problem(answer) != "not-signed-in"
    else:
        assert (answer.status_code, problem(answer)) == (401, "not-signed-in")


@pytest.mark.parametrize("call", OVER_RECORDS, ids=" ".join)
def test_a_record_is_as_open_as_the_role_over_it(service, people, call):
    need, things = EXPECTED[call], things_of(service)
    assert ask(people["stranger"], call, things).status_code == 404
    for role in ROLES[: ROLES.index(need)]:
        refused = ask(people[role], call, things)
        assert refused.status_code == 403, role
        assert need in refused.text
    for name in (*ROLES[ROLES.index(need) :], "maker", "root"):
        allowed = ask(people[name], call, things)
        assert allowed.status_code not in (401, 403, 500), (name, allowed.text)
        if call[0] == "DELETE" or call[1].endswith(("/delete", "/remove")):
            things = things_of(service)


@pytest.mark.parametrize(
    "call", [call for call in ROUTES if EXPECTED[call] not in ("public", "admin")], ids=" ".join
)
def test_a_token_which_may_read_writes_nothing(service, people, call):
    answer = ask(people["maker who may read"], call, things_of(service))
    if call[0] in ("GET", "HEAD", "OPTIONS") or call in READ_BY_POST:
        assert answer.status_code not in (401, 403), answer.text
        if call[1] == "/logout":
            people["maker who may read"].close()
            people["maker who may read"] = client_for(service, "maker", "read")
    else:
        assert (answer.status_code, problem(answer)) == (403, "scope")


@pytest.mark.parametrize("call", [c for c in ROUTES if EXPECTED[c] == "admin"], ids=" ".join)
def test_users_are_the_administrators_business(service, people, call):
    things = things_of(service)
    assert problem(ask(people["maker"], call, things)) == "not-allowed"
    assert problem(ask(people["root who may write"], call, things)) == "scope"
    assert ask(people["root"], call, things).status_code < 400


@pytest.mark.parametrize("call", [c for c in ROUTES if EXPECTED[c] == "mine"], ids=" ".join)
def test_a_token_is_revoked_by_its_user(service, people, call):
    things = things_of(service)
    assert ask(people["stranger"], call, things).status_code == 404
    assert problem(ask(people["maker who may write"], call, things)) == "scope"
    assert ask(people["maker"], call, things).status_code in (204, 303)
    assert ask(people["maker"], call, things).status_code == 404
