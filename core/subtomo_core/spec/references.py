"""Ids of records that a specification names; forms offer those that there are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MapId = Annotated[str, Field(json_schema_extra={"refers_to": "map"})]
JobId = Annotated[str, Field(json_schema_extra={"refers_to": "job"})]
GroupName = Annotated[str, Field(json_schema_extra={"refers_to": "group"})]
