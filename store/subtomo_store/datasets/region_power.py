"""Whether particles hold their power where the stated missing region says they do.

Programs count tilts in opposite directions (Warp and AreTomo do), tilt axes are taken for one
another, and boxes are said to be turned that are not. Each of these mistakes is another region;
where only one of two regions observes, the particles' own power tells which is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.errors import Problem
from subtomo_core.fourier.missing import Region, Turned, observed_at
from subtomo_core.fourier.nufft import frequencies
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.spec.missing_region import Formula, Pyramid, Wedge
from subtomo_store.datasets.intake_parts import Place, Source
from subtomo_store.datasets.region_words import in_words
from subtomo_store.formats.problems import Problems

SAMPLE = 32  # particles
FIRST_SHELL, LAST_SHELL = 3, 24  # Fourier pixels; nearer to the origin a wedge is not resolved
DOUBTFUL, CLEAR = 1.5, 3.0  # power where only the other region observes, over that of the stated
_SIGMAS = 6.0


class _Reads(Protocol):
    """Volumes that can be read again."""

    def read(self, place: Place) -> NDArray[np.float32]:
        """Read one volume."""
        ...


class _Other(NamedTuple):
    """A region that may have been meant.

    Attributes
    ----------
    words : str
        What it is beside the stated one.
    of : callable
        From the stated region to the other.
    """

    words: str
    of: Callable[[Region], Region]


def _mirrored(region: Region) -> Region:
    if isinstance(region, Turned):
        return region._replace(region=_flipped(region.region))
    return _flipped(region)


def _flipped(region: Formula) -> Formula:
    if not isinstance(region, Wedge | Pyramid):
        return region
    ends = {"tilt_min_deg": -region.tilt_max_deg, "tilt_max_deg": -region.tilt_min_deg}
    if isinstance(region, Pyramid):
        ends["second_tilt_min_deg"] = -region.second_tilt_max_deg
        ends["second_tilt_max_deg"] = -region.second_tilt_min_deg
    return region.model_copy(update=ends)


def _plain(region: Region) -> Formula:
    return region.region if isinstance(region, Turned) else region


def _about_the_other_axis(region: Region) -> Region:
    own = _plain(region)
    if not isinstance(own, Wedge):
        return region
    other = own.model_copy(update={"axis": "x" if own.axis == "y" else "y"})
    return region._replace(region=other) if isinstance(region, Turned) else other


_OTHERS = (
    _Other("tilts of the opposite sign", _mirrored),
    _Other("tilts about the other axis", _about_the_other_axis),
    _Other("boxes that were not cut out turned", _plain),
)


def compare_power(
    volumes: _Reads,
    sources: list[Source],
    regions: ParticleRegions | None,
    problems: Problems,
) -> list[str]:
    """Compare the stated regions with others that may have been meant, on a few particles.

    Returns a remark where another one agrees better with the particles; notes a problem where
    it is clear.
    """
    if regions is None or problems.count or not sources:
        return []
    chosen = np.unique(np.linspace(0, len(sources) - 1, SAMPLE).astype(int)).tolist()
    tallies = {other: _Tally() for other in _OTHERS}
    for index in chosen:
        region = regions.of(index)
        meant = {other: changed for other in _OTHERS if (changed := other.of(region)) != region}
        if not meant:
            continue
        power, points = _powers(volumes.read(sources[index].volume))
        stated = observed_at(region, points)
        for other, changed in meant.items():
            tallies[other].add(power, stated, observed_at(changed, points))
    worst = max(_OTHERS, key=lambda other: tallies[other].ratio)
    if not tallies[worst].significant:
        return []
    return _told(worst, tallies[worst].ratio, regions, problems)


class _Tally:
    """Power where only the stated, and where only the other region observes."""

    def __init__(self) -> None:
        self._sums, self._counts = np.zeros(2), np.zeros(2)

    def add(
        self, power: NDArray[np.float64], stated: NDArray[np.bool_], other: NDArray[np.bool_]
    ) -> None:
        """Add a particle's components."""
        for side, alone in enumerate((stated & ~other, other & ~stated)):
            self._sums[side] += power[alone].sum()
            self._counts[side] += np.count_nonzero(alone)

    @property
    def ratio(self) -> float:
        """Mean power where only the other observes, over that where only the stated does."""
        if not self._counts.all():
            return 0.0
        stated, other = self._sums / self._counts
        return float(other / max(stated, 1e-6))

    @property
    def significant(self) -> bool:
        """Whether it is no chance, under which the power of a component scatters by its size."""
        if not self._counts.all():
            return False
        scatter = math.sqrt(float((1.0 / self._counts).sum()))
        return self.ratio > max(DOUBTFUL, math.exp(_SIGMAS * scatter))


def _powers(volume: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power of components over the mean of their shell, (J,), and where they lie, (J, 3)."""
    box = len(volume)
    radius = radius_of(box)
    inside = (radius >= FIRST_SHELL) & (radius <= min(LAST_SHELL, box / 2 - 1))
    power = np.abs(to_fourier(volume)[inside]).astype(np.float64) ** 2
    shell = np.rint(radius[inside]).astype(np.int64)
    counts = np.maximum(np.bincount(shell), 1)
    mean = np.bincount(shell, power) / counts
    return power / np.maximum(mean[shell], 1e-30), frequencies(box)[inside]


def _told(other: _Other, ratio: float, regions: ParticleRegions, problems: Problems) -> list[str]:
    pairs = ((region, _plain(other.of(region))) for region in regions.regions)
    first, shown = next((p for p in pairs if p[0] != p[1]), (regions.regions[0],) * 2)
    example = f" ({in_words(shown)})" if shown != first else ""
    many = f"{ratio:.1f}" if ratio < 100 else "more than 100"
    more = " and others" if len(regions.regions) > 1 else ""
    detail = (
        f"the particles agree better with {other.words}{example} than with what was given "
        f"({in_words(first)}{more}): they hold {many} times as much power where only the "
        "former would have observed anything as where only the latter would"
    )
    if ratio < CLEAR:
        return [f"{detail}; check the missing region"]
    problems.add(Problem(f"{detail}: correct the missing region", pointer="/missing"))
    return []
