"""Particles with known truth: phantoms, atomic models, direct simulation."""

from subtomo_core.simulate.atoms import density_of_atoms
from subtomo_core.simulate.direct import Orientations, Simulation, simulate
from subtomo_core.simulate.gaussians import (
    GaussianStructure,
    asymmetric_blob,
    barrel,
    four_gaussians,
)
from subtomo_core.simulate.structures import MapStructure, Structure
from subtomo_core.simulate.tables import particle_names, relion_columns

__all__ = [
    "GaussianStructure",
    "MapStructure",
    "Orientations",
    "Simulation",
    "Structure",
    "asymmetric_blob",
    "barrel",
    "density_of_atoms",
    "four_gaussians",
    "particle_names",
    "relion_columns",
    "simulate",
]
