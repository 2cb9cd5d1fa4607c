"""Particles with known truth, written as a laboratory would hand them over."""

from __future__ import annotations

from pathlib import Path

from subtomo_core.simulate import Simulation, asymmetric_blob, barrel, particle_names, simulate
from subtomo_core.spec.missing_region import Wedge
from subtomo_store.formats.mrc import write_volume

BOX = 32
VOXEL_ANGSTROM = 6.0
PARTICLES_EACH = 40
SNR = 0.02
TILT = (-60.0, 60.0)
# A barrel is as high as it is wide: its corners must lie within the mask of 0.8 of the box.
BARREL_ANGSTROM = 110.0
PHANTOMS = ("seven-fold barrel", "asymmetric blob")


def make_particles(seed: int, snr: float = SNR) -> Simulation:
    """Simulate both phantoms in random poses, 40 particles each, in mixed order."""
    return simulate(
        [barrel(BARREL_ANGSTROM), asymmetric_blob()],
        [PARTICLES_EACH] * len(PHANTOMS),
        BOX,
        VOXEL_ANGSTROM,
        snr=snr,
        missing=Wedge(tilt_min_deg=TILT[0], tilt_max_deg=TILT[1]),
        shift_range=2.0,
        seed=seed,
    )


def write_particles(simulation: Simulation, folder: Path) -> Path:
    """Write one MRC per particle and a STAR that names them; nothing of the truth.

    Returns
    -------
    Path
        The STAR file.
    """
    count = simulation.particles.summary.particles
    names = particle_names(count)
    for index, name in enumerate(names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_volume(target, simulation.particles.volume(index), VOXEL_ANGSTROM)
    star = folder / "particles.star"
    head = "data_particles\n\nloop_\n_rlnImageName #1\n_rlnPixelSize #2\n"
    rows = "".join(f"{name} {VOXEL_ANGSTROM:.3f}\n" for name in names)
    star.write_text(head + rows, encoding="utf-8")
    return star
