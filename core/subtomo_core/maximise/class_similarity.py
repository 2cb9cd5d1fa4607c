"""Comparison of two classes: whether they show one structure (docs/method.md#classes).

Two classes are worth having as far as a particle tells them apart: by the log-likelihood that it
loses in the wrong one. Two averages of one structure differ by their noise, which is known from
the weights behind them; what they differ beyond it, in units of a particle's noise, is that loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex
from subtomo_core.data.statistics import Model
from subtomo_core.fourier.shells import shell_sums, soft_edge
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.averages import EMPTY, Averages
from subtomo_core.maximise.map_fit import MapFit, turned
from subtomo_core.maximise.wiener_gains import gains_of
from subtomo_core.plan import Settings

_UNSEEN = 5.0  # log-likelihood a particle loses in the other class: less tells nothing apart
LOCKED = 0.1  # of their noise that averages of one structure keep as a difference
_ROUGH = 0.05  # of what a particle gains: no difference beyond it is taken for noise
_LOUD = 200.0  # log-likelihood a particle gains: with less, what is alike may yet come to differ
_NOISY = 0.15  # of the gain: where noise makes more of a loss, no class is said to be like another


class Loss(NamedTuple):
    """What a particle loses in the other of two classes, in log-likelihood.

    Attributes
    ----------
    value, scatter : float
        The loss, and how far the noise of both averages may have moved it.
    noise : float
        What the noise of both averages alone makes of it, which was taken off.
    gain : float
        What the particle gains in its own class; the lesser of both classes.
    """

    value: float
    scatter: float
    noise: float
    gain: float

    def excess(self, locked: float = LOCKED) -> float:
        """How much the loss may be beyond what counts as none.

        Particles go where the noise of others resembles theirs: so ``locked``, a share of the
        noise of two averages of one structure, stays as a difference. Faint particles take long
        to part, and what keeps them apart in the end is no more than that: nothing is said of
        them, nor of a class of so few particles that its average is mostly noise.
        """
        if self.gain < _LOUD or self.noise > _NOISY * self.gain:
            return math.inf
        none = _UNSEEN + max(0.0, min(locked * self.noise, _ROUGH * self.gain))
        return self.value + self.scatter - none


@dataclass(frozen=True, eq=False)
class Likeness:
    """Averages of all classes under one mask, ready to be compared.

    Attributes
    ----------
    settings : Settings
    transforms : list of ndarray, (n, n, n // 2 + 1)
    noise : ndarray, (K, shells)
        Noise power of a component of each.
    gains : ndarray, (K, shells)
        Share of each shell's power that is signal.
    weight : ndarray, (shells,)
        Mean weight of a particle's component, over its noise.
    shell : float
        Resolution in use.
    """

    settings: Settings
    transforms: list[Complex]
    noise: NDArray[np.float64]
    gains: NDArray[np.float32]
    weight: NDArray[np.float64]
    shell: float

    @classmethod
    def of(cls, settings: Settings, averages: Averages, model: Model) -> Likeness:
        """From the sums of an iteration."""
        mass = averages.mass.sum(0)
        return cls(
            settings=settings,
            transforms=averages.classes(model, None, 0.0),
            noise=averages.noise_power(model, model.noise, None, 0.0),
            gains=gains_of(settings, averages.half_maps()[1].corrected, mass),
            weight=averages.seen().sum(0) / max(float(mass.sum()), 1.0) / model.noise,
            shell=model.shell_in_use,
        )

    def loss(self, first: int, second: int) -> Loss:
        """What a particle loses in the other of two classes, after one was laid on the other.

        Shells count as far as the first shows signal there: it should be the larger.
        """
        settings = self.settings
        mask, box = settings.mask, settings.box
        still, moving = self._shaped(first), self._shaped(second)
        fit = MapFit.at(settings, self.shell)
        pose = fit.settled(still, moving, fit.search(still, moving))
        moved = turned(self.transforms[second], pose.rotation, pose.shift)
        one, other = (to_fourier(to_real(t) * mask) for t in (self.transforms[first], moved))
        edge = soft_edge(np.arange(settings.shells, dtype=np.float32), self.shell)
        say = 0.5 * self.weight * edge * self.gains[first]
        say[0] = 0.0
        masked = float(np.mean(mask.astype(np.float64) ** 2))
        noise = self.noise * shell_sums(np.ones(one.shape, np.float32), box) * masked

        def signal(values: Complex, behind: NDArray[np.float64]) -> float:
            return float(say @ (shell_sums(np.abs(values) ** 2, box) - behind))

        both = noise[first] + noise[second]
        # Under a mask as many components are independent as voxels lie in it.
        free = np.maximum(shell_sums(np.ones(one.shape, np.float32), box) * masked, 1.0)
        return Loss(
            signal(one - other, both),
            float(np.sqrt(((say * both) ** 2 * 2.0 / free).sum())),
            float(say @ both),
            min(signal(one, noise[first]), signal(other, noise[second])),
        )

    def _shaped(self, k: int) -> NDArray[np.float32]:
        return self.settings.shape(to_real(self.transforms[k]), self.shell, np.sqrt(self.gains[k]))


def losses(likeness: Likeness, mass: NDArray[np.float64]) -> dict[tuple[int, int], Loss]:
    """`Likeness.loss` of each pair of classes that hold particles, (larger, smaller).

    ``mass`` (K,) are the classes' particles.
    """
    full = [int(k) for k in np.argsort(-mass, kind="stable") if mass[k] >= EMPTY]
    return {pair: likeness.loss(*pair) for pair in combinations(full, 2)}


def alike(found: dict[tuple[int, int], Loss], locked: float = LOCKED) -> list[tuple[int, int]]:
    """Pairs of classes that show one structure, the most alike first; see `Loss.excess`.

    The smaller class of a pair stands in no other: several may be like one larger class.
    """
    excess = {pair: loss.excess(locked) for pair, loss in found.items()}
    pairs: list[tuple[int, int]] = []
    for larger, smaller in sorted(excess, key=excess.__getitem__):
        stay, gone = {a for a, _ in pairs}, {b for _, b in pairs}
        if excess[larger, smaller] < 0 and larger not in gone and smaller not in stay | gone:
            pairs.append((larger, smaller))
    return pairs
