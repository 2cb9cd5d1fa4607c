"""The shared data beside the checkout; tests which need it skip where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_data(*parts: str) -> Path:
    """Path of a file or folder of the shared data, or skip the test and say why."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    root = Path(os.environ.get("SUBTOMO_SHARED_DATA", beside))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(
            f"needs the shared data: {'/'.join(parts) or 'its folder'} is not in {root} "
            "(set SUBTOMO_SHARED_DATA)"
        )
    return path
