"""Share of signal in each shell of an average (docs/method.md#half-maps-and-their-fsc)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.statistics import Model
from subtomo_core.fourier.shells import shell_means
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.averages import EMPTY, Averages
from subtomo_core.plan import Settings

_CLEAR = 4.0  # signal over noise from which on it is taken for granted


def wiener(
    fsc: Real, halves: float = 2.0, kept: int = 1, clearly: NDArray[np.float64] | None = None
) -> Real:
    """Factor for each shell of a reference: the share of its power that is signal.

    From the correlation f of the halves, ``2 f / (1 + f)`` for their sum (f for one of them),
    averaged over three shells and falling. Shells up to ``kept`` stay as they are. ``clearly``
    (shells,) is what it is at least.
    """
    smooth = np.convolve(np.pad(fsc, 1, mode="edge"), np.full(3, 1.0 / 3.0), mode="valid")
    gain = np.clip(halves * smooth / (1.0 + (halves - 1.0) * smooth), 0.0, 1.0)
    if clearly is not None:
        gain = np.maximum(gain, clearly)
    gain[: kept + 1] = 1.0
    return np.minimum.accumulate(gain).astype(np.float32)


def gains_of(
    settings: Settings,
    fsc: Real,
    mass: NDArray[np.float64],
    halves: float = 2.0,
    *,
    survey: bool = False,
    ratio: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """`wiener` of each class, (K, shells); 1 for a class that is empty and keeps its map.

    1 in the survey too, whose halves have nothing in common yet.

    ``ratio`` (K, shells) is `signal_to_noise`: where it is high, it says more than the correlation
    of two halves, which for a class of ten particles are a few each.

    With half sets the lowest shells stay as they are: where they are steep, a mask carries what
    halves share there into shells where they must not.
    """
    if survey:
        return np.ones_like(fsc)
    kept = int(settings.start_shell) if settings.half_sets else 1
    full = np.ones(settings.shells, np.float32)
    known = np.zeros(fsc.shape) if ratio is None else 0.5 * halves * ratio
    known = np.where(known >= _CLEAR, known / (1.0 + known), 0.0)
    each = zip(fsc, mass, known, strict=True)
    return np.stack([wiener(c, halves, kept, s) if m >= EMPTY else full for c, m, s in each])


def signal_to_noise(averages: Averages, model: Model) -> NDArray[np.float64]:
    """Power of the classes' averages over that of their noise, less one, (K, shells).

    Under the mask; the noise is known from the weights behind the averages. What particles took
    from the noise of others counts as signal here, so that values of about one mean nothing.
    """
    mask, box = averages.settings.mask, averages.settings.box
    noise = averages.noise_power(model, model.noise, None, 0.0)
    masked = float(np.mean(mask.astype(np.float64) ** 2))
    ratios = []
    for transform, behind in zip(averages.classes(model, None, 0.0), noise, strict=True):
        power = np.abs(to_fourier(to_real(transform) * mask)) ** 2
        mean = shell_means(power, box)
        one = behind * masked
        ratios.append(np.divide(mean, one, out=np.ones_like(mean), where=one > 0) - 1.0)
    return np.stack(ratios)
