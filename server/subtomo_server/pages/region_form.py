"""The fields by which a form says what of Fourier space particles lack."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter

from subtomo_core.spec.missing_region import MissingRegion
from subtomo_server.pages.schema_fields import Condition, Field, fields_in

REGION = "missing"
KIND = f"{REGION}.kind"
_BY_COMMAND = "by_name"  # a region for each tomogram: a table, not a form


@cache
def region_fields() -> tuple[Field, ...]:
    """The kind of a missing region, and what each kind is told by."""
    region: TypeAdapter[MissingRegion] = TypeAdapter(MissingRegion)
    schema = {
        **region.json_schema(),
        "title": "Missing region",
        "description": "What of Fourier space the particles lack.",
    }
    kind, *others = fields_in(schema, REGION)
    choices = tuple(choice for choice in kind.choices if choice.value != _BY_COMMAND)
    given = Condition(KIND, _BY_COMMAND)
    return (kind._replace(choices=choices), *(f for f in others if given not in f.when))
