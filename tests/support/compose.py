"""What docker-compose.yml says, with its variables filled in."""

from __future__ import annotations

import re
from typing import Any

import yaml

from support.services import ROOT

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
FILLED_IN = {
    "SUBTOMO_DOMAIN": "subtomo.example.org",
    "POSTGRES_PASSWORD": "swordfish1",
    "REDIS_PASSWORD": "swordfish2",
    "SUBTOMO_METRICS_TOKEN": "swordfish-for-prometheus",
}


def compose() -> dict[str, Any]:
    """The whole file; anchors resolved, variables as `FILLED_IN` or their default."""
    text = (ROOT / "docker-compose.yml").read_text()
    return dict(_filled(yaml.safe_load(text)))


def environment_of(service: str) -> dict[str, str]:
    """What a service gets as its environment."""
    return {key: str(value) for key, value in compose()["services"][service]["environment"].items()}


def example_names() -> set[str]:
    """Names which deploy/example.env holds."""
    lines = (ROOT / "deploy" / "example.env").read_text().splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return VARIABLE.sub(_one, value) if isinstance(value, str) else value


def _one(found: re.Match[str]) -> str:
    default = found["rest"] if found["kind"] == "-" else None
    given = FILLED_IN.get(found["name"], default)
    assert given is not None, f"{found['name']} has no value"
    return given
