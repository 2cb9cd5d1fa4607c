"""What posting a job would come to: everything wrong at once, its defaults, and an estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem, SubtomoError
from subtomo_core.spec.checks import remarks
from subtomo_core.spec.job import AnySpec
from subtomo_server.http.validation import problems_of
from subtomo_server.jobs.estimates import estimate
from subtomo_server.jobs.posted_job import PostedJob
from subtomo_server.jobs.posting import Wanted, wanted
from subtomo_server.jobs.vocabulary import field_names
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User

_ROUNDS = 4  # each without what the one before found to be wrong


class DryRun(NamedTuple):
    """What a body comes to.

    Attributes
    ----------
    problems : tuple of Problem
        Everything for which posting it would be refused.
    remarks : tuple of Problem
        What fits and is hardly meant.
    spec : AnySpec or None
        With every default. Where there are problems, without the fields that they are of, or, if
        that does not come to a job either, with the defaults that no dataset is needed for.
    estimate : str
        Time, memory and disk in words; empty where there are problems.
    """

    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...] = ()
    spec: AnySpec | None = None
    estimate: str = ""


def dry_run(session: Session, store: Store, user: User, body: Mapping[str, Any]) -> DryRun:
    """Check a body as posting it would, and make nothing.

    Fields of the wrong kind are left out for the rest to be checked against the dataset.
    """
    posted, problems = _parsed(body)
    if posted is None:
        return DryRun(tuple(problems))
    found, more = _wanted(session, store, user, posted)
    problems += more
    if problems or found is None:
        spec = found.spec if found else _without_faults(session, store, user, posted, more)
        return DryRun(tuple(problems), spec=spec or posted.spec)
    told = estimate(found.spec, found.dataset.summary, store.settings.threads)
    remarked = remarks(found.spec, found.dataset.summary)
    return DryRun((), tuple(remarked), found.spec, told.words)


def _parsed(body: Mapping[str, Any]) -> tuple[PostedJob | None, list[Problem]]:
    """A body without its fields of the wrong kind, and what is wrong with these."""
    problems: list[Problem] = []
    for _ in range(_ROUNDS):
        try:
            return PostedJob.model_validate(body), problems
        except ValidationError as error:
            found = problems_of(error.errors(), body, field_names())
        problems += [one for one in found if one not in problems]
        body = _without(body, (problem.pointer for problem in found))
    return None, problems


def _wanted(
    session: Session, store: Store, user: User, posted: PostedJob
) -> tuple[Wanted | None, list[Problem]]:
    try:
        return wanted(session, store, user, posted), []
    except InputError as error:
        return None, list(error.problems)
    except SubtomoError as error:
        return None, [Problem(str(error))]


def _without_faults(
    session: Session, store: Store, user: User, posted: PostedJob, problems: list[Problem]
) -> AnySpec | None:
    """The specification that is left without the fields that problems are of."""
    body = posted.document
    for _ in range(_ROUNDS):
        left, wrong = _parsed(_without(body, (problem.pointer for problem in problems)))
        if left is None or wrong:
            return None
        body = left.document
        found, problems = _wanted(session, store, user, left)
        if found:
            return found.spec
    return None


def _without(body: Mapping[str, Any], pointers: Iterable[str]) -> dict[str, Any]:
    """A body without the fields that pointers lead to; without their groups if they are absent."""
    result = dict(body)
    for pointer in pointers:
        key, _, rest = pointer.removeprefix("/").partition("/")
        inner = result.get(key)
        if rest and isinstance(inner, Mapping) and rest.partition("/")[0] in inner:
            result[key] = _without(inner, [rest])
        else:
            result.pop(key, None)
    return result
