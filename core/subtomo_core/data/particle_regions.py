"""The missing region of each particle, where they are not all alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.missing import Region, Turned
from subtomo_core.spec.missing_region import Complete, Each, Formula, FoundBy, Part


@dataclass(frozen=True, eq=False)
class ParticleRegions:
    """A few regions, and which is each particle's.

    Attributes
    ----------
    regions : tuple of Wedge, Pyramid, Cone or Complete
    part : ndarray of int64, (N,)
        Place of each particle's among these.
    turns : ndarray, (N, 3, 3), or None
        Takes a vector of a particle's box to the frame of its tilt series; None where all boxes
        lie as these do.
    """

    regions: tuple[Formula, ...]
    part: NDArray[np.int64]
    turns: NDArray[np.float64] | None = None

    @classmethod
    def alike(cls, region: Formula, count: int) -> ParticleRegions:
        """One region for all of ``count`` particles."""
        return cls((region,), np.zeros(count, np.int64))

    @property
    def turned(self) -> NDArray[np.bool_]:
        """Which boxes lie turned behind what they lack, (N,)."""
        if self.turns is None:
            return np.zeros(len(self.part), bool)
        lacking = np.array([not isinstance(region, Complete) for region in self.regions])
        found: NDArray[np.bool_] = (self.turns != np.eye(3)).any((1, 2)) & lacking[self.part]
        return found

    def of(self, index: int) -> Region:
        """Region of particle ``index`` (from 0)."""
        region = self.regions[int(self.part[index])]
        if self.turns is None or not (self.turns[index] != np.eye(3)).any():
            return region
        return Turned(region, self.turns[index])

    def found(
        self, by: FoundBy | None = None, names: Sequence[tuple[str, ...]] | None = None
    ) -> Formula | Each:
        """What a dataset's summary tells of them: one region, or the parts.

        Parameters
        ----------
        by : str, optional
            What tells particles of one part from those of another.
        names : sequence of tuple of str, optional
            Tomograms or optics groups of each part.
        """
        counts = np.bincount(self.part, minlength=len(self.regions)).tolist()
        turned = int(self.turned.sum())
        if len(self.regions) == 1 and not turned:
            return self.regions[0]
        named = names or [()] * len(self.regions)
        each = zip(self.regions, counts, named, strict=True)
        parts = tuple(Part(region=r, particles=n, names=own) for r, n, own in each)
        return Each(by=by, parts=parts, turned=turned)
