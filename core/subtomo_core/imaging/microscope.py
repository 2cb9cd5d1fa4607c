"""What a microscope does to a projection: contrast transfer, dose, detector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import refuse_unless
from subtomo_core.spec.strict import STRICT

Values = NDArray[np.float64]

_PLANCK, _MASS, _CHARGE, _LIGHT = 6.62607015e-34, 9.1093837e-31, 1.602176634e-19, 2.99792458e8


@dataclass(frozen=True)
class Microscope:
    """Optics and detector.

    Attributes
    ----------
    voltage_kv, cs_mm, amplitude_contrast : float
    mtf : bool
        The detector's pixels blur: transfer ``sinc(w / 2)``, w in units of Nyquist.
    """

    __pydantic_config__ = STRICT

    voltage_kv: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.07
    mtf: bool = True

    def __post_init__(self) -> None:
        rules = {
            "voltage_kv must lie between 10 and 3000": 10.0 <= self.voltage_kv <= 3000.0,
            "cs_mm must lie between 0 and 20": 0.0 <= self.cs_mm <= 20.0,
            "amplitude_contrast is a share from 0 to 1": 0.0 <= self.amplitude_contrast <= 1.0,
        }
        refuse_unless("this microscope", rules)

    @property
    def wavelength(self) -> float:
        """Relativistic wavelength of the electrons, ångström."""
        energy = self.voltage_kv * 1e3 * _CHARGE
        momentum = math.sqrt(energy * (2.0 * _MASS + energy / _LIGHT**2))
        return 1e10 * _PLANCK / momentum

    def phase(self, frequency: Values, angle: Values, defocus: Defocus) -> Values:
        """Aberration phase in radians, without that of amplitude contrast, underfocus positive.

        ``frequency`` in 1/ångström, ``angle`` in radians from the image's x axis.
        """
        astigmatic = np.cos(2.0 * (angle - math.radians(defocus.angle_deg)))
        height = 1e4 * (defocus.mean_um + 0.5 * defocus.astigmatism_um * astigmatic)
        spherical = 0.5 * 1e7 * self.cs_mm * (self.wavelength * frequency) ** 2
        phase: Values = math.pi * self.wavelength * frequency**2 * (height - spherical)
        return phase

    def contrast(self, frequency: Values, angle: Values, defocus: Defocus) -> Values:
        """Contrast transfer, positive at low frequencies: protein is bright."""
        return np.sin(self.phase(frequency, angle, defocus) + self._shift(defocus))

    def _shift(self, defocus: Defocus) -> float:
        return math.asin(self.amplitude_contrast) + math.radians(defocus.phase_shift_deg)

    def before_first_zero(self, frequency: Values, angle: Values, defocus: Defocus) -> Values:
        """1 up to the first zero of the contrast transfer, 0 beyond."""
        phase = self.phase(frequency, angle, defocus) + self._shift(defocus)
        beyond = frequency >= frequency[phase > math.pi].min(initial=math.inf)
        return np.where(beyond, 0.0, 1.0)

    def detector(self, nyquist_share: Values) -> Values:
        """Transfer of the detector at frequencies in units of Nyquist."""
        return np.sinc(0.5 * nyquist_share) if self.mtf else np.ones_like(nyquist_share)


@dataclass(frozen=True)
class Defocus:
    """Underfocus of an image in µm: mean, difference of both axes, and angle of the larger.

    A phase plate shifts the phase by ``phase_shift_deg``.
    """

    mean_um: float
    astigmatism_um: float = 0.0
    angle_deg: float = 0.0
    phase_shift_deg: float = 0.0


def dose_weight(frequency: Values, dose: float) -> Values:
    """What a dose in electrons per square ångström leaves of the signal's amplitude.

    References
    ----------
    Grant & Grigorieff (2015), eLife 4, e06980: ``exp(-dose / (2 N_e(k)))`` with the critical
    exposure ``N_e(k) = 0.245 k^-1.665 + 2.81`` at 300 kV.
    """
    critical = 0.245 * np.maximum(frequency, 1e-6) ** -1.665 + 2.81
    return np.exp(-0.5 * dose / critical)


def decay(frequency: Values, dose: float, b_factor: float) -> Values:
    """What a dose leaves of the amplitude by a B-factor, in Å² for an electron per Å²."""
    return np.exp(-0.25 * b_factor * dose * frequency**2)
