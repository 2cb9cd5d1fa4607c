"""The compiler settings of all kernels."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])

# Sums may be reordered into vector registers; NaN and infinity keep their meaning, so that
# numbers that make no sense are seen.
_FAST = {"reassoc", "contract", "arcp", "nsz"}


def jit(function: F) -> F:
    """Compile ``function``, which Python calls, on first use, without the GIL, cached on disk."""
    return _compiled(function, "never")


def inlined(function: F) -> F:
    """Compile ``function``, which other kernels call, into each of them.

    Machine code of its own would be optimised once by itself and once more in each caller, with
    other last bits, and it hangs on what a process has loaded before which of them it runs.
    """
    return _compiled(function, "always")


def _compiled(function: F, inline: Literal["always", "never"]) -> F:
    cache = os.access(os.path.dirname(__file__), os.W_OK) or "NUMBA_CACHE_DIR" in os.environ
    compile_with = numba.njit(
        nogil=True, cache=cache, fastmath=_FAST, error_model="numpy", inline=inline
    )
    return cast("F", compile_with(function))  # called as the function itself is
