"""The names of the algorithms, and of the fields that request bodies may have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from subtomo_core.spec.job import job_spec_adapter
from subtomo_server.datasets.schemas import NewDataset
from subtomo_server.jobs.wishes import PostedJob


@cache
def field_names() -> frozenset[str]:
    """Every field of a new job or dataset, to suggest the one that was meant."""
    schemas = (PostedJob.model_json_schema(), NewDataset.model_json_schema())
    return frozenset(_properties(list(schemas)))


@cache
def algorithms() -> tuple[str, ...]:
    """Every algorithm that a specification may name."""
    return tuple(job_spec_adapter.json_schema()["discriminator"]["mapping"])


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in schema.values():
            yield from _properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value)
