"""Continuation from an iteration of a job: which settings may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import AnySpec, job_spec_adapter
from subtomo_server.http.validation import problems_of
from subtomo_server.jobs.changes import apart, in_changes, merged
from subtomo_server.jobs.posted_job import Handling
from subtomo_server.jobs.posting import Wanted, check_queue, orders_of
from subtomo_server.jobs.resolving import mask_problems
from subtomo_server.jobs.vocabulary import field_names
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Job
from subtomo_store.datasets import datasets
from subtomo_store.errors import ConflictError, NotFoundError
from subtomo_store.jobs import iterations
from subtomo_store.jobs.orders import Origin
from subtomo_store.upkeep import retention

KEPT_FILES = ("model.npz", "poses.npz")
CLONE = "clone the job instead, which begins anew"
FIXED = {
    "dataset": "an iteration's poses are those of its own particles",
    "algorithm": "an iteration's averages are scaled for its own algorithm",
    "classes": "an iteration has as many averages as its job has classes",
    "half_sets": "the halves are apart from the first iteration or not at all",
    "whole_tomograms": "the halves are apart from the first iteration or not at all",
    "seed": "the random numbers of its seed are in the iteration already",
    "start": "the start is over",
    "starts": "the start is over",
    "trial_iterations": "the start is over",
    "iterations": "say how many further ones beside the changes, in 'iterations'",
}


class Request(NamedTuple):
    """From which iteration to go on (the last without one), how far, with what changes.

    ``webhook`` is the job's own.
    """

    from_iteration: int | None
    iterations: int | None
    changes: dict[str, Any]
    webhook: str | None


def continued(session: Session, store: Store, user: User, job: Job, request: Request) -> Wanted:
    """Check a request to go on.

    Raises
    ------
    InputError
        If something cannot be changed, or does not fit.
    ConflictError
        If the iteration is not there, or its model was not kept.
    """
    origin = Origin(job.id, _number(session, store, job, request.from_iteration))
    asked, handled = apart(request.changes)
    _refuse_fixed(asked)
    last = origin.iteration + _further(job, origin, request.iterations)
    dataset = datasets.get(session, job.dataset_id)
    try:
        spec = _specification(job, {**asked, "iterations": last}, dataset.summary)
        problems = mask_problems(session, store.files, user, spec, dataset.summary)
        if problems and "mask" in asked:
            raise InputError(*problems)
        before = {"queue": job.queue, "webhook": request.webhook, "group": job.group}
        handling = Handling.model_validate(merged(before, handled))
        orders = orders_of(session, store, user, handling, origin)
        check_queue(store, orders, spec, dataset.summary)
    except ValidationError as error:
        found = problems_of(error.errors(), {**job.spec, **asked, **handled}, field_names())
        raise in_changes(InputError(*found), request.changes, "/changes") from error
    except InputError as error:
        raise in_changes(error, request.changes, "/changes") from error
    return Wanted(dataset, spec, orders)


def goes_on(job: Job) -> bool:
    """Whether iterations can follow the job's last one; all pairs are aligned but once."""
    return bool(job.spec["algorithm"] != "pairwise")


def _number(session: Session, store: Store, job: Job, wanted: int | None) -> int:
    try:
        number = iterations.get(session, job.id, wanted).number
        retention.require_kept(session, job.id, number)
    except NotFoundError as error:
        raise ConflictError(f"{error}: nothing to go on from") from error
    paths = [store.files.iteration_file(job.id, number, name) for name in KEPT_FILES]
    if not all(path.exists() for path in paths):
        raise ConflictError(
            f"the model of iteration {number} was not kept: go on from another iteration"
        )
    return number


def _further(job: Job, origin: Origin, wanted: int | None) -> int:
    """Iterations to add: as asked, or those that the job had left there."""
    left = job.iterations - origin.iteration
    further = left if wanted is None else wanted
    if not goes_on(job) and (further != left or left < 1):
        detail = f"all pairs are aligned and averaged by iteration {job.iterations}: {CLONE}"
        raise InputError(Problem(detail, pointer="/iterations"))
    if further < 1:
        detail = (
            f"iteration {origin.iteration} was the job's last: say in 'iterations' how many "
            "further ones to make"
        )
        raise InputError(Problem(detail, pointer="/iterations"))
    return further


def _refuse_fixed(changes: Mapping[str, Any]) -> None:
    fixed = [field for field in changes if field in FIXED]
    if isinstance(resolution := changes.get("resolution"), dict):
        fixed += [
            f"resolution/{f}" for f in ("start_angstrom", "shared_angstrom") if f in resolution
        ]
    problems = []
    for field in fixed:
        why = FIXED.get(field, "the start is over")
        remedy = "" if field == "iterations" else f"; {CLONE}"
        detail = f"a continued job cannot change {field.replace('/', '.')}: {why}{remedy}"
        problems.append(Problem(detail, pointer=f"/changes/{field}"))
    if problems:
        raise InputError(*problems)


def _specification(job: Job, changes: dict[str, Any], summary: DatasetSummary) -> AnySpec:
    """The job's specification with changes; what is not touched keeps its very numbers."""
    changed = merged(job.spec, _with_derived(job, changes))
    full = resolve(job_spec_adapter.validate_python(changed), summary)
    untouched = _without(changed, changes)
    return job_spec_adapter.validate_python(merged(full.model_dump(mode="json"), untouched))


def _with_derived(job: Job, changes: dict[str, Any]) -> dict[str, Any]:
    """Let a new limit of the resolution take along what was derived from the old one.

    The bandwidth, unless it was given, and a start that would be finer than the limit.
    """
    resolution = changes.get("resolution")
    limit = resolution.get("limit_angstrom") if isinstance(resolution, dict) else None
    first = job.spec["resolution"]["start_angstrom"]
    if not isinstance(limit, int | float) or first is None:
        return changes
    parameters = changes.get("parameters") or {}
    if "bandwidth" not in ((job.asked or job.spec).get("parameters") or {}):
        parameters = {"bandwidth": None, **parameters}
    resolution = {**changes["resolution"], "start_angstrom": max(limit, first)}
    return {**changes, "resolution": resolution, "parameters": parameters}


def _without(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What ``changes`` do not touch, without open fields."""
    kept = {}
    for field, value in body.items():
        if field not in changes:
            kept[field] = _given(value)
        elif isinstance(value, dict) and isinstance(changes[field], dict) and field != "mask":
            kept[field] = _without(value, changes[field])
    return {field: value for field, value in kept.items() if value is not None}


def _given(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {field: _given(inner) for field, inner in value.items() if inner is not None}
