"""What goes over the wire whatever it is about."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from subtomo_core.spec.strict import Strict

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Document(BaseModel):
    """A document that the server sends."""

    model_config = ConfigDict(from_attributes=True)


class Changes(Strict):
    """What may change in a dataset, a job or a map: its name, and the group it belongs to.

    ``group`` null gives it back to its maker alone; left out it stays.
    """

    name: Name | None = None
    group: str | None = None


class Fault(Document):
    """One thing wrong with an input, and where."""

    detail: str
    pointer: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""


class StoredFile(Document):
    """One uploaded file."""

    name: str
    size: int
    sha256: str


class StoredFiles(Document):
    """The files of a dataset, by name."""

    items: list[StoredFile]
