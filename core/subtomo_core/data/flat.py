"""Flat records of arrays and numbers, and their round trip to a mapping of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


class Flat:
    """Round trip of a flat dataclass of arrays and numbers to a mapping of arrays."""

    def to_arrays(self) -> Arrays:
        """All fields as arrays, ready for ``numpy.savez``."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `to_arrays`."""
        names = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**{k: v.item() if v.ndim == 0 else v for k, v in arrays.items() if k in names})
