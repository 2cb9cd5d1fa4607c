"""Particles with known truth: phantoms, atomic models, direct simulation and tilt series.

See docs/method.md#simulate.
"""

from subtomo_core.imaging.microscope import Microscope
from subtomo_core.simulate.atoms import density_of_atoms
from subtomo_core.simulate.direct import Orientations, Simulation, simulate
from subtomo_core.simulate.gaussians import (
    GaussianStructure,
    asymmetric_blob,
    barrel,
    four_gaussians,
)
from subtomo_core.simulate.phantoms import helix, membrane_patch, shell, symmetric_phantom
from subtomo_core.simulate.scene import Crowd
from subtomo_core.simulate.series import SeriesSimulation, simulate_series
from subtomo_core.simulate.stacks import Stacks
from subtomo_core.simulate.structures import MapStructure, Structure
from subtomo_core.simulate.tables import particle_names, relion_columns
from subtomo_core.simulate.tilts import TiltSeries
from subtomo_core.simulate.tomograms import Optics

__all__ = [
    "Crowd",
    "GaussianStructure",
    "MapStructure",
    "Microscope",
    "Optics",
    "Orientations",
    "SeriesSimulation",
    "Simulation",
    "Stacks",
    "Structure",
    "TiltSeries",
    "asymmetric_blob",
    "barrel",
    "density_of_atoms",
    "four_gaussians",
    "helix",
    "membrane_patch",
    "particle_names",
    "relion_columns",
    "shell",
    "simulate",
    "simulate_series",
    "symmetric_phantom",
]
