"""The ground of all records which come from outside."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


def titled(title: str) -> ConfigDict:
    """Configuration of a record that forms call ``title``."""
    return ConfigDict(title=title)


STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Strict(BaseModel):
    """A frozen record which refuses unknown fields."""

    model_config = STRICT
