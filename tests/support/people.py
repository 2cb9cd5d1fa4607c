"""Somebody of each role, and things of theirs, on a running server."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import Role, Scope
from subtomo_store.datasets import datasets, maps, uploads
from subtomo_store.files import incoming
from subtomo_store.people import access, groups, users
from support.records import new_job, ready_dataset
from support.serving import Served

ROLES: tuple[Role, ...] = ("viewer", "editor", "owner")


@dataclass(frozen=True)
class Things:
    """A group with a member of each role, and a dataset, a job and a map which it shares.

    The dataset has an upload under way.
    """

    group: str
    dataset: str
    job: str
    map: str
    token: str
    upload: str

    def address(self, path: str) -> str:
        """Fill a route's path in."""
        values = {
            "{dataset_id}": self.dataset,
            "{job_id}": self.job,
            "{map_id}": self.map,
            "{group}": self.group,
            "{token_id}": self.token,
            "{upload_id}": self.upload,
            "{member}": "bystander",
            "{user}": "viewer",
            "{name:path}": "a.mrc",
            "{which}": "last",
            "{k}": "1",
            "{row}": "1",
        }
        for name, value in values.items():
            path = path.replace(name, value)
        return path


def make_things(store: Store, number: int) -> Things:
    """Make a maker's things, shared with a viewer, an editor and an owner."""
    with store.begin() as session:
        maker = users.ensure(session, "maker")
        group = groups.create(session, f"group-{number}", maker.id)
        for role in ROLES:
            users.ensure(session, role)
            groups.set_member(session, None, group.name, role, role)
        users.ensure(session, "bystander")
        groups.set_member(session, None, group.name, "bystander", "viewer")
        made = ready_dataset(session, maker)
        dataset = datasets.move_to_group(session, made.id, maker.id, group.name)
        job = new_job(session, dataset, maker).job
        density = maps.create(
            session,
            user_id=maker.id,
            name="a map",
            box=16,
            voxel_size_angstrom=5.0,
            size=1,
            sha256="0" * 64,
            group=group.name,
        )
        token, _ = access.create_token(session, maker.id, "to be revoked")
        upload = uploads.create(
            session, dataset_id=dataset.id, name="a.mrc", size=4, sha256=None, days=1.0
        )
        incoming.begin(store.files.incoming(upload.id))
    return Things(group.name, dataset.id, job.id, density.id, token.id, upload.id)


def client_for(service: Served, name: str, scope: Scope = "admin") -> httpx.Client:
    """A client of the user ``name``, for every address of the server."""
    with service.store.begin() as session:
        user = users.ensure(session, name, "admin" if name == "root" else "user")
        _, text = access.create_token(session, user.id, "test", scope=scope)
    return httpx.Client(
        base_url=service.url,
        headers={"authorization": f"Bearer {text}", "accept": "application/json"},
        trust_env=False,
        timeout=30,
    )
