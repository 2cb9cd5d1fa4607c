"""Names of point groups, without numerics: what a job may ask for."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_MOST_FOLDS = 64


def symmetry_name(name: str) -> str:
    """Canonical name of a point group, in capitals; ``I`` is ``I2``, as RELION has it.

    Raises
    ------
    ValueError
        If there is no such group.
    """
    text = name.strip().upper()
    found = re.fullmatch(r"([CD])([1-9][0-9]{0,3})|T|O|I[12]?", text)
    folds = int(found[2]) if found and found[2] else 2
    if found is None or folds > _MOST_FOLDS or text == "D1":
        raise ValueError(
            f"the symmetry {name!r} is unknown: use C1 to C{_MOST_FOLDS}, D2 to D{_MOST_FOLDS}, "
            "T, O or I"
        )
    return "I2" if text == "I" else text


def _symmetries(value: Any) -> Any:
    if isinstance(value, str):
        return symmetry_name(value)
    if isinstance(value, list | tuple) and value and all(isinstance(v, str) for v in value):
        return tuple(symmetry_name(v) for v in value)
    raise ValueError(
        "'symmetry' must be the name of a point group, such as D7, or a list of one for each class"
    )


Symmetry = Annotated[str | tuple[str, ...], BeforeValidator(_symmetries)]
