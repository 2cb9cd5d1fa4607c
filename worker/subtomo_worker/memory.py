"""Settings of the memory allocator of a worker process."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE = 4 * 2**20


def return_large_arrays() -> bool:
    """Let arrays above 4 MiB go back to the system when they are freed; False where it cannot.

    The C library of Linux raises this limit to 32 MiB by itself once large arrays were freed,
    and the grids of a batch then leave holes that nothing else fits in.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    # Other C libraries than glibc have no such call, and need none.
    return hasattr(library, "mallopt") and library.mallopt(_MMAP_THRESHOLD, _LARGE) == 1
