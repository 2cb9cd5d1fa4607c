"""The one compiler setting of all kernels."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])

# Sums may be reordered into vector registers; NaN and infinity keep their meaning, so that
# numbers which make no sense are seen.
_FAST = {"reassoc", "contract", "arcp", "nsz"}


def jit(function: F) -> F:
    """Compile ``function`` on first use, without the GIL, cached on disk."""
    cache = os.access(os.path.dirname(__file__), os.W_OK) or "NUMBA_CACHE_DIR" in os.environ
    compiled = numba.njit(nogil=True, cache=cache, fastmath=_FAST, error_model="numpy")(function)
    return cast("F", compiled)  # called as the function itself is
