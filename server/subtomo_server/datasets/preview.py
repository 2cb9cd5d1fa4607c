"""A first look at a dataset: slices of particles, and of their plain mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subtomo_store.datasets.stack import StackParticles
from subtomo_store.formats.pictures import central_slices, montage, png

SHOWN = 7
AVERAGED = 64


def preview_png(folder: Path) -> bytes:
    """Draw the central slice of the first particles and, last, of the mean of up to 64.

    The mean of particles as they lie is no structure: it shows their centring and their
    missing region.
    """
    particles = StackParticles(folder)
    count = len(particles)
    slices = []
    mean = np.zeros((particles.summary.box,) * 2, np.float64)
    averaged = min(count, AVERAGED)
    for index in range(averaged):
        volume = particles.volume(index)
        middle = central_slices(volume)[0]
        mean += middle / averaged
        if index < SHOWN:
            slices.append(_levelled(middle))
    return png(montage([*slices, _levelled(mean)], 4))


def _levelled(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bring pictures of different contrast to one: mean 0, standard deviation 1."""
    spread = float(image.std())
    return np.asarray((image - image.mean()) / (spread or 1.0), np.float64)
