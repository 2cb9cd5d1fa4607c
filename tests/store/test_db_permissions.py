"""Roles over records, on each kind of database."""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import update

from subtomo_core.errors import InputError
from subtomo_store.database.engine import now
from subtomo_store.database.people_tables import AttemptsRow
from subtomo_store.datasets import datasets
from subtomo_store.errors import ConflictError, NotAllowedError, NotFoundError
from subtomo_store.jobs import jobs
from subtomo_store.people import access, groups, throttle, users
from subtomo_store.people.permissions import RANK, permitted, role_over
from support.records import REGION, new_job, ready_dataset, user_named


@pytest.fixture
def people(store):
    """Ids of a maker, a member of each role, a stranger and an administrator."""
    with store.begin() as session:
        made = {name: user_named(session, name).id for name in ("maker", "stranger", *RANK)}
        made["root"] = users.ensure(session, "root", "admin").id
        groups.create(session, "lab", made["owner"])
        for role in ("viewer", "editor"):
            groups.set_member(session, made["owner"], "lab", role, role)
        groups.set_member(session, made["owner"], "lab", "maker", "editor")
    return made


def test_the_role_over_a_record(store, people):
    with store.begin() as session:
        own = datasets.create(session, user_id=people["maker"], name="own", missing=REGION)
        shared = datasets.move_to_group(session, own.id, people["maker"], "lab")
        assert (own.group, shared.group, shared.owner) == (None, "lab", "maker")
        for record, roles in (
            (own, {"maker": "owner", "root": "owner"}),
            (shared, {"maker": "owner", "root": "owner", **{role: role for role in RANK}}),
        ):
            found = {name: role_over(session, record, people[name]) for name in people}
            assert {name: role for name, role in found.items() if role} == roles


def test_lists_hold_what_may_be_read(store, people):
    with store.begin() as session:
        own = datasets.create(session, user_id=people["maker"], name="own", missing=REGION)
        shared = datasets.create(
            session, user_id=people["maker"], name="shared", missing=REGION, group="lab"
        )
        for name in people:
            listed = {item.id for item in datasets.page(session, people[name]).items}
            readable = set()
            for record in (own, shared):
                with contextlib.suppress(NotFoundError):
                    readable.add(permitted(session, record, "it", people[name]).id)
            assert listed == readable, name


def test_changing_needs_the_role_which_the_sentence_names(store, people):
    with store.begin() as session:
        maker = users.get(session, people["maker"])
        made = ready_dataset(session, maker)
        dataset = datasets.move_to_group(session, made.id, maker.id, "lab")
        with pytest.raises(NotAllowedError, match=r"needs the role editor .* you are viewer"):
            new_job(session, dataset, users.get(session, people["viewer"]))
        job = new_job(session, dataset, users.get(session, people["editor"])).job
        assert job.group == "lab"
        for call in (jobs.cancel, jobs.remove):
            with pytest.raises(NotAllowedError, match="ask one of its owners"):
                call(session, job.id, people["viewer"])
            with pytest.raises(NotFoundError):
                call(session, job.id, people["stranger"])
        jobs.cancel(session, job.id, people["maker"])
        with pytest.raises(NotAllowedError, match="needs the role owner"):
            jobs.remove(session, job.id, people["maker"])
        jobs.remove(session, job.id, people["owner"])


def test_nothing_is_put_where_one_may_only_look(store, people):
    with store.begin() as session:
        for name, error in (("viewer", NotAllowedError), ("stranger", InputError)):
            with pytest.raises(error):
                datasets.create(
                    session, user_id=people[name], name="x", missing=REGION, group="lab"
                )


def test_what_a_deleted_group_had_is_its_makers_again(store, people):
    with store.begin() as session:
        made = datasets.create(
            session, user_id=people["maker"], name="x", missing=REGION, group="lab"
        )
        with pytest.raises(NotAllowedError):
            groups.remove(session, people["editor"], "lab")
        groups.remove(session, people["owner"], "lab")
    with store.begin() as session:
        assert datasets.get(session, made.id, people["maker"]).group is None
        with pytest.raises(NotFoundError):
            datasets.get(session, made.id, people["viewer"])


def test_a_disabled_users_tokens_rest(store, people):
    with store.begin() as session:
        token, text = access.create_token(session, people["maker"], "x")
        users.change(session, "maker", disabled=True)
        assert access.authenticate(session, text) is None
        assert not access.still_valid(session, token.id)
        users.change(session, "maker", disabled=False)
        assert access.authenticate(session, text) is not None


@pytest.mark.parametrize("name", ["", "user_0123", "no space", "ü", "x" * 101, ".hidden"])
def test_a_name_which_could_be_mistaken_is_refused(store, name):
    with store.begin() as session, pytest.raises(InputError, match="cannot name a user"):
        users.create(session, name)


def test_an_identity_belongs_to_one_user(store, people):
    with store.begin() as session:
        users.change(session, "maker", oidc_subject="https://id 1")
        users.change(session, "maker", oidc_subject="https://id 1")
        with pytest.raises(ConflictError, match="already that of maker"):
            users.change(session, "viewer", oidc_subject="https://id 1")


def test_each_failure_waits_longer_and_is_forgotten(store):
    with store.begin() as session:
        waits = []
        for _ in range(throttle.FREE_FAILURES["name"] + 8):
            throttle.note_failure(session, "ada", "10.0.0.1")
            waits.append(throttle.wait_seconds(session, "ADA", "10.0.0.2"))
        assert waits[: throttle.FREE_FAILURES["name"] - 1] == [0] * 4
        assert waits == sorted(waits)
        assert waits[-1] == throttle.LONGEST_WAIT_SECONDS["name"]
        assert throttle.wait_seconds(session, "bob", "10.0.0.1") == 0
        session.execute(update(AttemptsRow).values(last=now(session) - throttle.FORGOTTEN_AFTER))
        assert throttle.wait_seconds(session, "ada", "10.0.0.1") == 0
        throttle.note_failure(session, "bob", "10.0.0.9")
        assert session.get(AttemptsRow, "name:ada", populate_existing=True) is None
