"""From pydantic's findings to sentences with a JSON pointer."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from subtomo_core.errors import InputError, Problem

Finding = Mapping[str, Any]
T = TypeVar("T")


def pointer_of(location: Sequence[int | str], body: Any, *, absent: bool = False) -> str:
    """Turn pydantic's location into a JSON pointer into ``body``.

    Pydantic puts the tags of discriminated unions into its locations; they are no part of the
    document and are left out here, by walking the document along the location.

    Parameters
    ----------
    location : sequence of int or str
        Where pydantic found the fault, without the leading ``"body"``.
    body : Any
        The document.
    absent : bool
        Whether the last part names a field that is not there.
    """
    parts: list[str] = []
    here = body
    for index, part in enumerate(location):
        last = index == len(location) - 1
        inside_list = isinstance(here, Sequence) and not isinstance(here, str | bytes)
        inside = part < len(here) if inside_list and isinstance(part, int) else False
        if inside or (isinstance(here, Mapping) and part in here):
            here = here[part]
        elif not (absent and last):
            continue
        parts.append(str(part).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in parts)


def problems_of(
    findings: Iterable[Finding], body: Any, known_fields: Iterable[str] = ()
) -> list[Problem]:
    """Tell each finding of pydantic as one sentence with its place.

    Parameters
    ----------
    findings : iterable
        ``ValidationError.errors()``, or FastAPI's list with ``body``, ``query`` ... in front.
    body : Any
        The request's document.
    known_fields : iterable of str
        Places (``parameters.candidates``) to suggest for a field that is misspelt or misplaced.
    """
    names = list(known_fields)
    return [_problem(finding, body, names) for finding in findings]


def read_document(read: Callable[[Any], T], document: Any) -> T:
    """What ``read`` makes of a document, its findings told as problems.

    Raises
    ------
    InputError
        If pydantic refuses it.
    """
    try:
        return read(document)
    except ValidationError as error:
        raise InputError(*problems_of(error.errors(), document)) from error


def _problem(finding: Finding, body: Any, known_fields: list[str]) -> Problem:
    location = list(finding["loc"])
    source = location.pop(0) if location and location[0] in SOURCES else "body"
    name = next((str(part) for part in reversed(location) if isinstance(part, str)), "the body")
    if source != "body":
        return Problem(f"{_sentence(finding, name, '')} (in the request's {source})")
    if not location and not isinstance(body, Mapping):
        return Problem(NO_OBJECT)
    pointer = pointer_of(location, body, absent=finding["type"] == "missing")
    if finding["type"] in ("union_tag_invalid", "union_tag_not_found"):
        pointer += "/" + finding["ctx"]["discriminator"].strip("'")
    above = next((str(part) for part in reversed(location[:-1]) if isinstance(part, str)), "")
    return Problem(_sentence(finding, name, _meant(name, above, known_fields)), pointer=pointer)


def _meant(name: str, above: str, known_fields: list[str]) -> str:
    """Place of the field that an unknown one may stand for, below the same one if it can be."""
    last = {place: place.rpartition(".")[2] for place in sorted(known_fields)}
    close = difflib.get_close_matches(name, sorted(set(last.values())), n=1)
    places = [place for place, end in last.items() if end in close]
    beside = [place for place in places if f".{place}".rpartition(".")[0].endswith(f".{above}")]
    return next(iter([*beside, *places]), "")


SOURCES = ("body", "query", "path", "header", "cookie")
NO_OBJECT = "the body must be one JSON object, sent with the header Content-Type: application/json"


def _sentence(finding: Finding, name: str, meant: str) -> str:
    kind, context = finding["type"], finding.get("ctx", {})
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        hint = f"did you mean '{meant}'?" if meant else "remove it"
        return f"unknown field '{name}': {hint}"
    if kind == "value_error":
        return str(context.get("error", finding["msg"]))
    if kind in PLAIN:
        return PLAIN[kind](name, context, _shown(finding.get("input")))
    return f"'{name}': {finding['msg'][:1].lower()}{finding['msg'][1:]}"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


Teller = Callable[[str, Mapping[str, Any], str], str]

PLAIN: Mapping[str, Teller] = {
    "missing": lambda name, _c, _i: f"the field '{name}' is required",
    "greater_than": lambda name, c, i: f"'{name}' must be above {c['gt']:g}, got {i}",
    "greater_than_equal": lambda name, c, i: f"'{name}' must be at least {c['ge']:g}, got {i}",
    "less_than": lambda name, c, i: f"'{name}' must be below {c['lt']:g}, got {i}",
    "less_than_equal": lambda name, c, i: f"'{name}' must be at most {c['le']:g}, got {i}",
    "literal_error": lambda name, c, i: f"'{name}' must be {c['expected']}, got {i}",
    "none_required": lambda name, _c, i: f"'{name}' has no meaning here: leave it out, got {i}",
    "finite_number": lambda name, _c, i: f"'{name}' must be a finite number, got {i}",
    "int_parsing": lambda name, _c, i: f"'{name}' must be a whole number, got {i}",
    "int_type": lambda name, _c, i: f"'{name}' must be a whole number, got {i}",
    "int_from_float": lambda name, _c, i: f"'{name}' must be a whole number, got {i}",
    "float_parsing": lambda name, _c, i: f"'{name}' must be a number, got {i}",
    "float_type": lambda name, _c, i: f"'{name}' must be a number, got {i}",
    "bool_parsing": lambda name, _c, i: f"'{name}' must be true or false, got {i}",
    "string_type": lambda name, _c, i: f"'{name}' must be text, got {i}",
    "string_too_long": lambda name, c, _i: (
        f"'{name}' is too long: at most {c['max_length']} characters"
    ),
    "union_tag_invalid": lambda _n, c, _i: (
        f"{c['discriminator']} '{c['tag']}' is not known: choose one of {c['expected_tags']}"
    ),
    "union_tag_not_found": lambda _n, c, _i: f"the field {c['discriminator']} is required",
    "json_invalid": lambda _n, c, _i: f"the body is not valid JSON: {c.get('error', '')}",
    "model_attributes_type": lambda name, _c, i: f"'{name}' must be a JSON object, got {i}",
    "model_type": lambda name, _c, i: f"'{name}' must be a JSON object, got {i}",
    "dict_type": lambda name, _c, i: f"'{name}' must be a JSON object, got {i}",
}
