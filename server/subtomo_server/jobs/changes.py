"""Changes to a specification that stands, and jobs that are made of another one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

from pydantic import ValidationError

from subtomo_core.errors import InputError, Problem
from subtomo_server.http.validation import problems_of
from subtomo_server.jobs.posted_job import Handling, PostedJob
from subtomo_server.jobs.vocabulary import field_names
from subtomo_store.database.records import Job

MOST_AT_ONCE = 32
WHOLE = ("mask", "start", "symmetry")  # replaced as a whole: their parts belong together


class Variant(NamedTuple):
    """One of several jobs: what makes it differ, in words, and its body."""

    words: str
    body: dict[str, Any]


def merged(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``body`` with ``changes``: groups are merged, and null brings a field's default back."""
    result = dict(body)
    for field, value in changes.items():
        before = result.get(field)
        if value is None:
            result.pop(field, None)
        elif field not in WHOLE and isinstance(value, dict) and isinstance(before, dict):
            result[field] = merged(before, value)
        else:
            result[field] = value
    return result


def parsed(body: Mapping[str, Any], changes: Mapping[str, Any], pointer: str) -> PostedJob:
    """A body with changes, checked as one that was posted.

    Raises
    ------
    InputError
        With pointers below ``pointer`` for what was changed.
    """
    document = merged(body, changes)
    try:
        return PostedJob.model_validate(document)
    except ValidationError as error:
        found = problems_of(error.errors(), document, field_names())
        raise InputError(*(_below(pointer, problem, changes) for problem in found)) from error


def body_of(job: Job, webhook: str | None, highest: int) -> dict[str, Any]:
    """The body with which somebody who may give the priority ``highest`` makes this job again."""
    handling = {
        "priority": min(job.priority, highest),
        "queue": job.queue,
        "webhook": webhook,
        "group": job.group,
    }
    return {**(job.asked or job.spec), **handling}


def variants(values: Mapping[str, list[Any]], name: str) -> list[Variant]:
    """Every combination of the values of some fields (``resolution.limit_angstrom``), in order.

    Raises
    ------
    InputError
        If there are none, or too many.
    """
    counts = [len(choices) for choices in values.values()]
    total = 1
    for count in counts:
        total *= count
    if not values or not total:
        detail = 'no values were given: name a field and its values, as {"classes": [1, 2, 3]}'
        raise InputError(Problem(detail, pointer="/values"))
    if total > MOST_AT_ONCE:
        detail = f"these values make {total} jobs: make at most {MOST_AT_ONCE} at once"
        raise InputError(Problem(detail, pointer="/values"))
    return [
        _variant(dict(zip(values, choice, strict=True)), name)
        for choice in product(*values.values())
    ]


def _variant(chosen: dict[str, Any], name: str) -> Variant:
    body: dict[str, Any] = {}
    for path, value in chosen.items():
        *groups, last = path.split(".")
        here = body
        for group in groups:
            here = here.setdefault(group, {})
            if not isinstance(here, dict):
                raise InputError(Problem(f"{path} is not a field", pointer="/values"))
        here[last] = value
    words = ", ".join(
        f"{path.rpartition('.')[2]} {_short(value)}" for path, value in chosen.items()
    )
    return Variant(words, {"name": f"{name} ({words})".strip()[:200], **body})


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_short(inner)}" for key, inner in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else f"{value}"


def _below(pointer: str, problem: Problem, changes: Mapping[str, Any]) -> Problem:
    """Point into the changes, where the fault is in them."""
    top = problem.pointer.lstrip("/").partition("/")[0]
    return problem._replace(pointer=pointer + problem.pointer) if top in changes else problem


def in_changes(error: InputError, changes: Mapping[str, Any], pointer: str) -> InputError:
    """The same error with pointers into the changes."""
    return InputError(*(_below(pointer, problem, changes) for problem in error.problems))


def apart(changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Changes of the specification, and of the handling beside it."""
    own = Handling.model_fields
    spec = {key: value for key, value in changes.items() if key not in own}
    return spec, {key: value for key, value in changes.items() if key in own}
