"""The names of the algorithms, and of the fields that request bodies may have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from subtomo_core.spec.job import job_spec_adapter
from subtomo_server.datasets.schemas import NewDataset
from subtomo_server.jobs.posted_job import PostedJob


@cache
def field_names() -> frozenset[str]:
    """Every field of a new job or dataset by its place, to suggest the one that was meant."""
    models = (PostedJob.model_json_schema(), NewDataset.model_json_schema())
    return frozenset(place for schema in models for place in _places(schema, schema, ""))


@cache
def algorithms() -> tuple[str, ...]:
    """Every algorithm that a specification may name."""
    return tuple(job_spec_adapter.json_schema()["discriminator"]["mapping"])


def _places(schema: Any, whole: dict[str, Any], above: str) -> Iterator[str]:
    """Places of all fields below one place of a schema."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    for name, inner in schema.get("properties", {}).items():
        yield above + name
        yield from _places(inner, whole, f"{above}{name}.")
    for variant in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _places(variant, whole, above)
