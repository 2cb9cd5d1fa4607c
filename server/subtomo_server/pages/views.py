"""The pages which show things: home, a dataset, a job."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.jobs import continuing
from subtomo_server.jobs.results import missing_files
from subtomo_server.pages.job_form import Entered, job_form
from subtomo_server.pages.region_form import region_fields
from subtomo_server.pages.rendering import render
from subtomo_server.simulating.dataset import truth_files
from subtomo_store.database.people_records import Role, User
from subtomo_store.database.records import Dataset, Job
from subtomo_store.datasets import datasets, maps
from subtomo_store.formats.problems import named
from subtomo_store.jobs import events, iterations, jobs, queue_state, webhooks
from subtomo_store.jobs.progress import progress_of
from subtomo_store.people import groups
from subtomo_store.people.access import SignIn
from subtomo_store.people.permissions import RANK, role_over

router = APIRouter(include_in_schema=False)
SHOWN = 100
MOST_EVENTS = 5000


@router.get("/")
def home(store: NeedStore, user: NeedUser, request: Request) -> Response:
    """Show the user's jobs and datasets."""
    with store.read() as session:
        found = jobs.page(session, user.id, limit=SHOWN).items
        rows = [(job, progress_of(session, job)) for job in found]
        own = datasets.page(session, user.id, limit=SHOWN).items
    names = {dataset.id: dataset.name for dataset in own}
    return render(
        request,
        "home.html",
        jobs=rows,
        datasets=own,
        names=names,
        writes=may_write(request),
        region=region_fields(),
    )


@router.get("/favicon.ico")
def icon() -> Response:
    """Answer the browser's own question: the icon is elsewhere."""
    return Response(status_code=301, headers={"location": "/static/icon.svg"})


@router.get("/datasets/{dataset_id}")
def dataset_page(store: NeedStore, user: NeedUser, request: Request, dataset_id: str) -> Response:
    """Show a dataset, its problems or its picture, and the form to start a job.

    Fields of the form may be filled in by the query: ``?start.kind=poses&start.job=job_...``.
    """
    query = request.query_params
    entered = {name: query.getlist(name) for name in query}
    return render_dataset(store, user, request, dataset_id, entered=entered)


def render_dataset(
    store: NeedStore,
    user: NeedUser,
    request: Request,
    dataset_id: str,
    *,
    status: int = 200,
    problems: tuple[str, ...] = (),
    entered: Entered | None = None,
) -> Response:
    """Show the page of a dataset; with ``problems`` where something could not be done."""
    with store.read() as session:
        dataset = datasets.get(session, dataset_id, user.id)
        found = jobs.page(session, user.id, dataset_id=dataset.id, limit=SHOWN).items
        rows = [(job, progress_of(session, job)) for job in found]
        files = datasets.files(session, dataset.id)
        sharing = sharing_of(session, dataset, user)
        posts = dataset.status == "ready" and sharing.edits and may_write(request)
        form = job_form(session, store, user, dataset, entered or {}) if posts else None
    return render(
        request,
        "dataset.html",
        status,
        dataset=dataset,
        jobs=rows,
        files=files,
        truth=truth_files(store.files.dataset(dataset.id)),
        sharing=sharing,
        names={dataset.id: dataset.name},
        problems=problems,
        form=form,
        writes=may_write(request),
        region=region_fields(),
    )


def may_write(request: Request) -> bool:
    """Whether the token by which somebody is signed in may change anything."""
    sign_in = getattr(request.state, "sign_in", None)
    return isinstance(sign_in, SignIn) and sign_in.token.scope != "read"


class Sharing(NamedTuple):
    """What the user may do with a record, and the groups into which it can be moved."""

    role: Role
    groups: list[str]

    @property
    def edits(self) -> bool:
        """Whether the user may work with it."""
        return RANK[self.role] >= RANK["editor"]

    @property
    def owns(self) -> bool:
        """Whether the user may delete and move it."""
        return self.role == "owner"


def sharing_of(session: Session, record: Dataset | Job, user: User) -> Sharing:
    """Tell what the page of a record may offer to a user."""
    names = [
        member.group
        for member in groups.memberships(session, user.id)
        if RANK[member.role] >= RANK["editor"]
    ]
    return Sharing(role_over(session, record, user.id) or "viewer", names)


class Alarm(NamedTuple):
    """What is wrong, told once for all iterations and classes.

    ``cause`` stands before the colon of ``detail``, without the number of a class.
    """

    cause: str
    detail: str
    iterations: list[int]
    classes: list[int]


_CLASS = re.compile(r"class (\d+) (?=.*:)")


def alarms_by_cause(told: Iterable[dict[str, Any]]) -> list[Alarm]:
    """Gather alarms of one cause, in the order of their coming; each as it was told last."""
    found: dict[str, Alarm] = {}
    for alarm in told:
        of_class = _CLASS.match(alarm["detail"])
        detail = alarm["detail"][of_class.end() if of_class else 0 :]
        cause = detail.partition(":")[0]
        before = found.get(cause, Alarm(cause, detail, [], []))
        numbers = [int(of_class[1])] if of_class else []
        found[cause] = Alarm(
            cause,
            detail,
            sorted({*before.iterations, alarm["iteration"]}),
            sorted({*before.classes, *numbers}),
        )
    return list(found.values())


def _gone(number: int, missing: list[str]) -> str:
    return (
        f"Results of iteration {number} are not on the disk any more, or not as they were written: "
        f"{named(missing)}. Put them back from a copy, or clone the job to make them again."
    )


@router.get("/jobs/{job_id}")
def job_page(store: NeedStore, user: NeedUser, request: Request, job_id: str) -> Response:
    """Show a job; its script follows the events from the last one read here."""
    return render_job(store, user, request, job_id)


def render_job(
    store: NeedStore,
    user: NeedUser,
    request: Request,
    job_id: str,
    *,
    status: int = 200,
    problems: tuple[str, ...] = (),
    form: str = "",
) -> Response:
    """Show the page of a job; with ``problems`` when its ``form`` could not be accepted."""
    with store.read() as session:
        job = jobs.get(session, job_id, user.id)
        dataset = datasets.get(session, job.dataset_id)
        done = iterations.published(session, job.id)
        told = events.after(session, job.id, 0, MOST_EVENTS)
        progress = progress_of(session, job)
        waiting = queue_state.waiting(session, job, store.settings)
        hook = webhooks.of_jobs(session, [job.id]).get(job.id)
        sharing = sharing_of(session, job, user)
        missing = missing_files(session, store, job, done[-1].number) if done else []
        own = maps.page(session, user.id, limit=SHOWN).items
    if missing:
        problems = (*problems, _gone(done[-1].number, missing))
    alarms = alarms_by_cause(event.data for event in told if event.kind == "alarm")
    notes = [event.data for event in told if event.kind == "note"]
    return render(
        request,
        "job.html",
        status,
        job=job,
        waiting=waiting,
        hook=hook,
        problems=problems,
        form=form,
        dataset=dataset,
        progress=progress,
        sharing=sharing,
        masks=[found for found in own if found.box == dataset.box],
        goes_on=continuing.goes_on(job),
        done=done,
        last=done[-1] if done else None,
        alarms=alarms,
        notes=notes,
        last_event=told[-1].id if told else 0,
    )
