"""Jobs out of jobs: go on, clone, several values of a parameter; and what signs webhooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError
from subtomo_core.spec.strict import Strict
from subtomo_server.deps.dependencies import NeedDigest, NeedServices, NeedStore, NeedUser, Services
from subtomo_server.http.documents import Document
from subtomo_server.jobs.changes import Variant, body_of, in_changes, merged, parsed, variants
from subtomo_server.jobs.continuing import Request, continued
from subtomo_server.jobs.documents import document, documents
from subtomo_server.jobs.origins import origin
from subtomo_server.jobs.posted_job import PostedJob
from subtomo_server.jobs.posting import Wanted, highest_priority, make, wanted
from subtomo_server.jobs.resuming import resumed
from subtomo_server.jobs.schemas import JobDocument, JobPage
from subtomo_server.routes.jobs import Key
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Answer, Message
from subtomo_store.jobs import idempotency, webhooks

router = APIRouter(tags=["jobs"])
Choose = Callable[[Session], Sequence[Wanted]]
Changes = Annotated[
    dict[str, Any],
    Field(
        default_factory=dict,
        description="Fields as in a new job; null brings back a default.",
    ),
]


class CloneBody(Strict):
    """What is to be different in a clone."""

    changes: Changes


class ContinueBody(Strict):
    """From which iteration to go on (the last by default), and how many further ones to make."""

    from_iteration: Annotated[int | None, Field(ge=0)] = None
    iterations: Annotated[
        int | None, Field(ge=1, le=500, description="By default those which the job had left.")
    ] = None
    changes: Changes


class SweepBody(Strict):
    """Several jobs which differ in the values of a few fields.

    They are made of a new specification, or of an earlier ``job`` with ``changes``. Fields within
    groups are named with dots: ``resolution.limit_angstrom``.
    """

    spec: PostedJob | None = None
    job: str | None = None
    changes: Changes
    values: Annotated[dict[str, list[Any]], Field(min_length=1, max_length=4)]

    @model_validator(mode="after")
    def _of_one_thing(self) -> SweepBody:
        if (self.spec is None) == (self.job is None):
            raise ValueError("give either 'spec' or 'job', from which the jobs are made")
        return self


class SecretDocument(Document):
    """With what your webhooks are signed (Standard Webhooks, ``whsec_`` and base64)."""

    secret: str


SWEEP_EXAMPLES: dict[str, Any] = {
    "numbers of classes": {
        "value": {
            "spec": {"dataset": "ds_...", "algorithm": "faml"},
            "values": {"classes": [1, 2, 3]},
        }
    }
}


@router.post("/jobs/sweep", status_code=201, summary="Start several jobs", response_model=JobPage)
def sweep(
    *,
    services: NeedServices,
    user: NeedUser,
    digest: NeedDigest,
    body: Annotated[SweepBody, Body(openapi_examples=SWEEP_EXAMPLES)],
    key: Key = None,
) -> Response:
    """One job for each combination of values, under one name; all of them, or none at all."""

    def choose(session: Session) -> list[Wanted]:
        base = _base(session, services.store, user, body)
        found = variants(body.values, str(base.get("name") or ""))
        return [_swept(session, services.store, user, base, variant) for variant in found]

    answer = _write(services, user, digest, key, choose)
    return JSONResponse({"items": answer, "cursor": None}, 201)


@router.post(
    "/jobs/{job_id}/clone", status_code=201, summary="Clone a job", response_model=JobDocument
)
def clone(
    *,
    services: NeedServices,
    user: NeedUser,
    digest: NeedDigest,
    job_id: str,
    body: CloneBody,
    key: Key = None,
) -> Response:
    """A new job with the same specification as it was posted, but for the changes."""

    def choose(session: Session) -> list[Wanted]:
        document = _body(session, services.store, user, job_id)
        try:
            posted = parsed(document, body.changes, "/changes")
            return [wanted(session, services.store, user, posted)]
        except InputError as error:
            raise in_changes(error, body.changes, "/changes") from error

    return _one(_write(services, user, digest, key, choose))


@router.post(
    "/jobs/{job_id}/continue", status_code=201, summary="Continue a job", response_model=JobDocument
)
def go_on(
    *,
    services: NeedServices,
    user: NeedUser,
    digest: NeedDigest,
    job_id: str,
    body: ContinueBody,
    key: Key = None,
) -> Response:
    """A new job which goes on from an iteration of this one, whose numbers it carries on.

    Without changes its results are those which this job would have come to, bit by bit.
    """

    def choose(session: Session) -> list[Wanted]:
        job, url = origin(session, user, job_id)
        request = Request(body.from_iteration, body.iterations, body.changes, url)
        return [continued(session, services.store, user, job, request)]

    return _one(_write(services, user, digest, key, choose))


@router.post("/jobs/{job_id}/resume", status_code=202, summary="Resume a failed job")
def resume(services: NeedServices, user: NeedUser, job_id: str) -> JobDocument:
    """Go on from the last finished iteration, in the same job; nothing that is finished is lost.

    A job which waits or runs stays as it is: asking twice does no harm.
    """
    with services.store.begin() as session:
        found = resumed(session, services.store, user, job_id)
        told = document(session, found.job, services.store.settings)
    services.bell.ring(found.messages)
    return told


@router.get("/webhook-secret", summary="What signs your webhooks")
def secret(store: NeedStore, user: NeedUser) -> SecretDocument:
    """Made when first asked for. Receivers check the signature with it."""
    with store.begin() as session:
        return SecretDocument(secret=webhooks.secret_of(session, user.id))


@router.post("/webhook-secret", summary="Sign webhooks with another secret")
def new_secret(store: NeedStore, user: NeedUser) -> SecretDocument:
    """Replace the secret at once; the old one signs nothing any more."""
    with store.begin() as session:
        return SecretDocument(secret=webhooks.new_secret(session, user.id))


def _base(session: Session, store: Store, user: User, body: SweepBody) -> dict[str, Any]:
    if body.spec is not None:
        return merged(body.spec.document, body.changes)
    return merged(_body(session, store, user, str(body.job)), body.changes)


def _body(session: Session, store: Store, user: User, job_id: str) -> dict[str, Any]:
    job, url = origin(session, user, job_id)
    return body_of(job, url, highest_priority(session, store, user))


def _swept(
    session: Session, store: Store, user: User, base: dict[str, Any], variant: Variant
) -> Wanted:
    try:
        return wanted(session, store, user, parsed(base, variant.body, ""))
    except InputError as error:
        told = (
            problem._replace(detail=f"{variant.words}: {problem.detail}", pointer="/values")
            for problem in error.problems
        )
        raise InputError(*told) from error


def _write(
    services: Services, user: User, digest: str, key: str | None, choose: Choose
) -> list[dict[str, Any]]:
    """Write what was chosen, once for each key, and ring for it after the commit."""
    messages: list[Message] = []

    def write(session: Session) -> Answer:
        made = [make(session, services.store, user, job) for job in choose(session)]
        messages.extend(message for new in made for message in new.messages)
        told = documents(session, [new.job for new in made], services.store.settings)
        return Answer(201, {"items": [one.model_dump(mode="json") for one in told]})

    if key is None:
        with services.store.begin() as session:
            answer = write(session)
    else:
        answer, repeated = idempotency.once(services.store, user.id, key, digest, write)
        if repeated:
            messages.clear()
    services.bell.ring(messages)
    items: list[dict[str, Any]] = answer.response["items"]
    return items


def _one(items: list[dict[str, Any]]) -> Response:
    location = f"/api/v1/jobs/{items[0]['id']}"
    return JSONResponse(items[0], 201, headers={"Location": location})
