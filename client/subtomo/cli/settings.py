"""Fields of a specification as they are given on the command line."""

from __future__ import annotations

import json
from typing import Any

from subtomo.errors import InvalidInput


def assign(spec: dict[str, Any], setting: str) -> None:
    """Put ``a.b=value`` into a nested specification; the value is read as JSON where it is."""
    path, sign, text = setting.partition("=")
    if not sign or not path:
        raise InvalidInput(f"--set {setting}: write FIELD=VALUE, such as parameters.candidates=40.")
    *folders, last = path.split(".")
    here = spec
    for folder in folders:
        here = here.setdefault(folder, {})
        if not isinstance(here, dict):
            raise InvalidInput(f"--set {setting}: '{folder}' is not a group of fields.")
    here[last] = _value(text)


def swept(settings: list[str]) -> dict[str, list[Any]]:
    """Read ``classes=1,2,3``; values which hold commas themselves come as a JSON list."""
    values: dict[str, list[Any]] = {}
    for setting in settings:
        path, sign, text = setting.partition("=")
        if not sign or not path or not text:
            raise InvalidInput(f"--sweep {setting}: write FIELD=VALUES, such as classes=1,2,3.")
        given = _value(text) if text.startswith("[") else None
        values[path] = given if isinstance(given, list) else [_value(v) for v in text.split(",")]
    return values


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def assigned(settings: list[str] | None) -> dict[str, Any]:
    """Changes as ``--set`` gave them."""
    changes: dict[str, Any] = {}
    for setting in settings or ():
        assign(changes, setting)
    return changes


def said_of(spec: dict[str, Any], group: str) -> dict[str, Any]:
    """What ``--set`` says of a group of fields which an option chooses."""
    fields = spec.get(group, {})
    if not isinstance(fields, dict):
        raise InvalidInput(f"--set {group} excludes the option which chooses it: give one of them.")
    return fields
