"""People share and manage: by the client library, against a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete

from subtomo import Client, Conflict, HTTPProblem, NotFound, NotSignedIn
from subtomo_store.database.people_tables import TokenRow
from support.people import client_for
from support.services import wait_until
from support.serving import Served, small_spec

SOON_SECONDS = 20.0  # of the 60 which the poll would wait


@pytest.fixture
def person(service: Served) -> Iterator[Callable[..., Client]]:
    """Make a client of somebody by name, and of a scope."""
    made: list[Client] = []

    def client(name: str, scope: str = "admin") -> Client:
        with client_for(service, name, scope) as other:
            token = other.headers["authorization"].removeprefix("Bearer ")
        made.append(Client(service.url, token, patience=1.0))
        return made[-1]

    yield client
    for one in made:
        one.close()


def test_a_dataset_is_shared_with_a_group_and_its_jobs_follow(service, dataset, person):
    tester, ada = person("tester"), person("ada")
    group = tester.create_group("cryo")
    with pytest.raises(NotFound):
        ada.dataset(dataset)
    shared = tester.share(tester.dataset(dataset), "cryo")
    assert (shared.group, shared.owner) == ("cryo", "tester")
    assert tester.set_member(group, "ada", "viewer").role == "viewer"
    assert [found.id for found in ada.datasets()] == [dataset]
    with pytest.raises(HTTPProblem, match="this needs the role editor"):
        ada.submit(small_spec(dataset))
    tester.set_member("cryo", "ada", "editor")
    job = ada.submit(small_spec(dataset))
    assert (job.owner, job.group) == ("ada", "cryo")
    assert job.id in [found.id for found in tester.jobs()]
    with pytest.raises(HTTPProblem, match="this needs the role owner"):
        ada.share(ada.dataset(dataset), None)
    assert ada.share(job, None).group is None
    # Who was the maker stays its owner, whatever the group does.
    tester.remove_member("cryo", "ada")
    assert ada.job(job.id).owner == "ada"
    with pytest.raises(NotFound):
        ada.dataset(dataset)
    tester.delete_group("cryo")
    assert tester.dataset(dataset).group is None


def test_a_record_is_put_into_a_group_when_it_is_made(service, dataset, person):
    tester = person("tester")
    tester.create_group("lab")
    made = tester.create_dataset("in the lab", missing={"kind": "none"}, group="lab")
    assert made.group == "lab"
    assert tester.submit(small_spec(dataset), group="lab").group == "lab"
    for call in (
        lambda: tester.create_dataset("x", missing={"kind": "none"}, group="elsewhere"),
        lambda: tester.submit(small_spec(dataset), group="elsewhere"),
    ):
        with pytest.raises(HTTPProblem, match="there is no group elsewhere") as refused:
            call()
        assert refused.value.status == 422
    with pytest.raises(HTTPProblem, match="'group' must be text"):
        tester.submit(small_spec(dataset), group=3)


def test_a_group_keeps_an_owner_and_its_name(person):
    ada, bob = person("ada"), person("bob")
    ada.create_group("two")
    with pytest.raises(Conflict, match="already"):
        bob.create_group("two")
    with pytest.raises(Conflict, match="needs an owner"):
        ada.remove_member("two", "ada")
    with pytest.raises(Conflict, match="needs an owner"):
        ada.set_member("two", "ada", "viewer")
    ada.set_member("two", "bob", "owner")
    ada.remove_member("two", "ada")
    assert [(member.user, member.role) for member in bob.members("two")] == [("bob", "owner")]
    with pytest.raises(NotFound):
        ada.members("two")
    with pytest.raises(NotFound, match="there is no user nobody"):
        bob.set_member("two", "nobody", "viewer")


def test_a_token_tells_its_text_once_and_what_it_may(person):
    ada = person("ada")
    made = ada.create_token("script", scope="read", expires_days=7)
    assert made.text is not None
    assert made.text not in repr(made)
    listed = {token.id: token for token in ada.tokens()}[made.id]
    assert (listed.text, listed.scope, listed.last_used) == (None, "read", None)
    with Client(ada.url, made.text) as reader:
        me = reader.me()
        assert (me.user.name, me.scope, me.scopes) == ("ada", "read", ("read",))
        assert me.limits["highest_priority"] == 50
        with pytest.raises(HTTPProblem, match="this needs 'write'"):
            reader.create_dataset("x", missing={"kind": "none"})
        with pytest.raises(HTTPProblem, match="this needs 'admin'"):
            reader.create_token("more")

    def noted() -> bool:
        """The use is noted behind the answer."""
        return {token.id: token for token in ada.tokens()}[made.id].last_used is not None

    wait_until(noted, "the token's use is noted")
    ada.revoke_token(made)
    with Client(ada.url, made.text) as reader, pytest.raises(NotSignedIn):
        reader.me()
    with pytest.raises(HTTPProblem, match="1 to 3650 days"):
        ada.create_token("x", expires_days=0)


def test_an_administrator_looks_after_users(service, person):
    root = person("root")
    made = root.create_user("lin", password="long enough", disk_quota_bytes=10)
    assert (made.role, made.disk_quota_bytes) == ("user", 10)
    with pytest.raises(Conflict, match="already"):
        root.create_user("LIN")
    with pytest.raises(HTTPProblem, match="cannot name a user"):
        root.create_user("no spaces")
    with pytest.raises(HTTPProblem, match="choose one of 10"):
        root.create_user("short", password="")
    lin = person("lin")
    assert lin.me().limits["disk_quota_bytes"] == 10
    assert root.change_user("lin", disk_quota_bytes=None, role="admin").role == "admin"
    assert lin.me().limits == {
        "disk_quota_bytes": None,
        "running_jobs": 4,
        "highest_priority": 100,
    }
    assert "lin" in [user.name for user in lin.users()]
    root.change_user("lin", disabled=True)
    with pytest.raises(NotSignedIn):
        lin.me()
    with pytest.raises(Conflict, match="only administrator"):
        root.change_user("root", role="user")


def test_what_follows_a_job_ends_soon_after_its_token_and_the_job_goes_on(service, dataset):
    with client_for(service, "tester") as owner:
        job = owner.post("/api/v1/jobs", json=small_spec(dataset)).json()["id"]
        token = owner.get("/api/v1/me").json()["token"]
        etag = owner.get(f"/api/v1/jobs/{job}").headers["etag"]
        ended: dict[str, object] = {}

        def follow() -> None:
            headers = {"accept": "text/event-stream"}
            with owner.stream("GET", f"/api/v1/jobs/{job}/events", headers=headers) as stream:
                ended["opened"] = stream.status_code
                for _ in stream.iter_raw():
                    pass
            ended["stream"] = time.monotonic()

        def poll() -> None:
            headers = {"prefer": "wait=60", "if-none-match": etag}
            answer = owner.get(f"/api/v1/jobs/{job}", headers=headers)
            ended["status"], ended["poll"] = answer.status_code, time.monotonic()

        threads = [threading.Thread(target=target) for target in (follow, poll)]
        for thread in threads:
            thread.start()
        wait_until(lambda: "opened" in ended, "the stream is open")
        time.sleep(0.5)  # so that the poll waits, too, on most machines
        revoked = time.monotonic()
        with service.store.begin() as session:
            session.execute(delete(TokenRow).where(TokenRow.id == token))
        for thread in threads:
            thread.join(30)
        assert (ended["opened"], ended["status"]) == (200, 401)
        for name in ("stream", "poll"):
            assert float(str(ended[name])) - revoked < SOON_SECONDS
        assert owner.get(f"/api/v1/jobs/{job}").status_code == 401
    assert service.client.get(f"/jobs/{job}").json()["status"] == "queued"
