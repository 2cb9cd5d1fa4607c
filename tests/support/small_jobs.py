"""Jobs small enough for tests: specifications, particles and methods in a box of 16 to 24."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from subtomo_core import methods
from subtomo_core.data.particles import ArrayParticles, Particles
from subtomo_core.data.statistics import Batch, Expectation, Model, Poses
from subtomo_core.fourier.missing import Region
from subtomo_core.methods.iterative import IterativeAlignment
from subtomo_core.simulate import Simulation, Structure, asymmetric_blob, simulate
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import AnySpec, job_spec_adapter
from subtomo_core.spec.missing_region import Wedge

WEDGE = Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0)
VOXEL = 5.0


class Unchecked:
    """Particles which nobody has checked."""

    def __init__(self, particles: Particles, volumes: NDArray[np.float32]):
        self._particles, self._volumes = particles, volumes

    @property
    def summary(self) -> DatasetSummary:
        """As of the particles which these stand for."""
        return self._particles.summary

    def volume(self, index: int) -> NDArray[np.float32]:
        """As given."""
        volume: NDArray[np.float32] = self._volumes[index]
        return volume

    def weight(self, index: int) -> NDArray[np.float32] | None:
        """As of the particles which these stand for."""
        return self._particles.weight(index)

    def region(self, index: int) -> Region | None:
        """As of the particles which these stand for."""
        return self._particles.region(index)


def job(algorithm: str = "faml", **fields: Any) -> AnySpec:
    """Specification with one start and few candidates; ``parameters`` are added to these."""
    few = {"candidates": 16} | ({"voronoi_points": 1000} if algorithm == "faml" else {})
    fields["parameters"] = few | fields.get("parameters", {})
    given = {"algorithm": algorithm, "dataset": "d", "starts": 1, **fields}
    return job_spec_adapter.validate_python(given)


def blobs(count: int = 12, box: int = 16, **how: Any) -> Simulation:
    """Particles of one asymmetric body of half the box, or of ``structures``."""
    own: list[Structure] = [asymmetric_blob(0.5 * box * VOXEL)]
    structures = how.pop("structures", own)
    counts = how.pop("counts", [count])
    chosen: dict[str, Any] = {"snr": 0.3, "missing": WEDGE, "shift_range": 1.0, "seed": 5} | how
    return simulate(structures, counts, box, VOXEL, **chosen)


def volumes_of(particles: Particles) -> NDArray[np.float32]:
    """All volumes, a copy."""
    return np.stack([particles.volume(i) for i in range(particles.summary.particles)])


def noise_particles(volumes: NDArray[np.float32], missing: Any = WEDGE) -> ArrayParticles:
    """Particles of given volumes behind a region."""
    count, box = volumes.shape[:2]
    summary = DatasetSummary(particles=count, box=box, voxel_size_angstrom=VOXEL, missing=missing)
    return ArrayParticles(volumes, summary)


def method_of(particles: Particles, spec: AnySpec) -> IterativeAlignment:
    """Method of a specification whose open fields are filled here."""
    method = methods.create(resolve(spec, particles.summary), particles.summary)
    assert isinstance(method, IterativeAlignment)
    return method


def batch_of(particles: Particles, poses: Poses | None = None, rows: Any = None) -> Batch:
    """All particles, or those of ``rows``."""
    chosen = np.arange(particles.summary.particles) if rows is None else np.asarray(rows)
    return Batch(particles, chosen, None if poses is None else poses[chosen])


def surveyed(
    method: IterativeAlignment, particles: Particles, references: NDArray[np.float32] | None = None
) -> tuple[Model, Expectation]:
    """Model after the survey, and what the survey saw."""
    start = method.start(references)
    seen = method.expect(batch_of(particles), start)
    return method.maximise(start, seen.statistics), seen


def knowing(method: IterativeAlignment, maps: NDArray[np.float32], variance: float = 1.0) -> Model:
    """Model with known maps (K, n, n, n) in the particles' scale, at the finest resolution."""
    settings, start = method.settings, method.start(None)
    shaped = np.stack([settings.shape(m, settings.limit_shell) for m in maps])
    return replace(
        start,
        iteration=0,
        maps=shaped,
        fold_maps=np.repeat(shaped[None], settings.folds, 0),
        noise=np.full(settings.shells, variance),
        xi=2.0,
        shell_in_use=settings.limit_shell,
    )
