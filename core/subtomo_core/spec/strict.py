"""The ground of all records which come from outside."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Strict(BaseModel):
    """A frozen record which refuses unknown fields."""

    model_config = STRICT
