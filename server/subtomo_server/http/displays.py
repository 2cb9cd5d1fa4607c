"""Volumes that pages draw: 8 bits a voxel, on a coarse grid."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from subtomo_core.arrays import Real
from subtomo_core.fourier.binning import binned
from subtomo_server.http.packing import packed
from subtomo_store.formats.mrc import write_display

Side = Annotated[
    int, Query(ge=16, le=256, multiple_of=2, description="Voxels along a side, at the most.")
]


def send_display(
    request: Request,
    volume: Real,
    voxel_size: float,
    side: int,
    *,
    headers: Mapping[str, str] | None = None,
    limits: tuple[float, float] | None = None,
) -> Response:
    """Send a map (n, n, n) on a grid of ``side`` voxels at the most, coarser in Fourier space.

    ``limits`` are the values of the least and the greatest byte, where given.
    """
    shown, target = binned(volume, min(side, len(volume))), io.BytesIO()
    write_display(target, shown, voxel_size * len(volume) / len(shown), limits)
    return packed(request, target.getvalue(), "application/x-mrc", headers or {})
