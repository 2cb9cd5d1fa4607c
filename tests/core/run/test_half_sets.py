from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.folds import half_of
from subtomo_core.fourier.shells import radius_of
from subtomo_core.maximise.averages import Averages
from subtomo_core.maximise.half_references import noise_power, references, shared_part
from subtomo_core.run import run
from subtomo_core.score import class_agreement, judge
from subtomo_core.simulate import asymmetric_blob, four_gaussians
from support.core_steps import Step
from support.numerics import error
from support.small_jobs import (
    Unchecked,
    batch_of,
    blobs,
    job,
    knowing,
    method_of,
    noise_particles,
    surveyed,
    volumes_of,
)

# The box of 80 Å: shells 1 and 2 are shared, two thirds of the second.
RESOLUTION = {"start_angstrom": 20.0, "limit_angstrom": 12.0, "shared_angstrom": 26.0}
COUNT = 16


@pytest.fixture(scope="module")
def step():
    return Step(half_sets=True, resolution=RESOLUTION)


class Changed:
    """Averages of two datasets which differ in one particle, from the same model."""

    def __init__(self, particle):
        self.made = blobs(COUNT)
        spec = job(half_sets=True, resolution=RESOLUTION)
        self.method = method_of(self.made.particles, spec)
        self.settings = self.method.settings
        self.model = knowing(self.method, self.made.truth.maps, 3.0)
        volumes = volumes_of(self.made.particles)
        volumes[particle] = np.roll(volumes[particle], 3, 0)
        changed = Unchecked(self.made.particles, volumes)
        self.pair = [self._averages(p) for p in (self.made.particles, changed)]

    def _averages(self, particles):
        seen = self.method.expect(batch_of(particles), self.model)
        return Averages.of(self.settings, seen.statistics, self.model.shell_in_use)

    def met(self, fold):
        """References of a fold, of both datasets."""
        return [references(self.settings, a, self.model, fold, 0.0)[0] for a in self.pair]

    def half_maps(self, half):
        return [a.half_maps()[0][half] for a in self.pair]


@pytest.mark.parametrize("particle", [5, 4])
def test_beyond_the_shared_shells_a_half_knows_nothing_of_the_other(particle):
    changed = Changed(particle)
    own, other = particle % 2, 1 - particle % 2
    before, after = changed.half_maps(other)
    assert before.tobytes() == after.tobytes()
    before, after = changed.half_maps(own)
    assert before.tobytes() != after.tobytes()
    radius = radius_of(changed.settings.box)
    apart = radius >= changed.settings.shared_shell
    shared = (radius > 0) & (radius < changed.settings.shared_shell - 1)
    for fold in range(changed.settings.folds):
        before, after = changed.met(fold)
        same = half_of(fold) == other or fold == particle % changed.settings.folds
        assert (before[apart].tobytes() == after[apart].tobytes()) == same
        alone = fold == particle % changed.settings.folds
        assert (before[shared].tobytes() == after[shared].tobytes()) == alone


def test_after_the_survey_halves_share_their_lowest_shells_alone(step):
    model, _ = surveyed(step.method, step.made.particles)
    seen = step.method.expect(batch_of(step.made.particles), step.method.start())
    averages = Averages.of(step.settings, seen.statistics, step.settings.start_shell)
    one, two = (references(step.settings, averages, model, f, 0.0)[0] for f in (0, 1))
    radius = radius_of(step.settings.box)
    low = (radius > 0) & (radius < step.settings.shared_shell - 2)
    high = (radius >= step.settings.shared_shell) & (radius < step.settings.start_shell)
    assert error(one[low], two[low]) < 0.7 * error(one[high], two[high])


def test_without_half_sets_all_other_folds_are_met():
    step = Step()
    averages = Averages.of(step.settings, step.statistics, step.model.shell_in_use)
    assert step.settings.folds == 4
    for fold in range(4):
        met = references(step.settings, averages, step.model, fold, 0.0)
        expected = averages.classes(step.model, fold, 0.0)
        assert met[0].tobytes() == expected[0].tobytes()


def test_references_of_a_half_are_noisier_beyond_the_shared_shells(step):
    averages = Averages.of(step.settings, step.statistics, step.model.shell_in_use)
    power = noise_power(step.settings, averages, step.model, 3, 0.0, noise=step.model.noise)[0]
    whole = averages.noise_power(step.model, step.model.noise, 3, 0.0)[0]
    part = shared_part(step.settings, np.arange(step.settings.shells, dtype=np.float32))
    seen = whole > 0
    assert np.allclose(power[seen & (part == 0)], whole[seen & (part == 0)] * 7 / 3, rtol=0.1)
    assert np.allclose(power[seen & (part == 1)], whole[seen & (part == 1)], rtol=1e-5)


def test_the_kind_of_resolution_is_told(step):
    told = step.maximise().metrics
    assert (told.fsc_kind, told.shared_angstrom) == ("gold standard", pytest.approx(26.0))
    maps = {"kind": "maps", "maps": ["m"]}
    given = Step(half_sets=True, resolution=RESOLUTION, start=maps).maximise().metrics
    assert given.shared_angstrom == pytest.approx(20.0)  # where the given map ended
    shared = Step().maximise().metrics
    assert (shared.fsc_kind, shared.shared_angstrom) == ("shared reference", None)


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_both_halves_find_one_frame(algorithm):
    # By hard assignment one start in seven (5 of 36) misses the one frame; these are not of them.
    made = blobs(24, 24, snr=1.0 if algorithm == "fa" else 0.3, seed=6)
    result = run(made.particles, job(algorithm, iterations=6, half_sets=True), threads=2)
    judged = judge(result.model.maps, result.poses, made.particles, made.truth).classes[0]
    assert judged.poses.consensus(15.0) >= 0.9
    assert judged.share_of_oracle >= 0.95
    assert result.model.fold_maps.shape[0] == 8


@pytest.mark.slow
def test_classes_are_the_same_in_both_halves():
    bodies = [asymmetric_blob(60.0), four_gaussians(72.0)]
    made = blobs(box=24, structures=bodies, counts=[16, 16], snr=1.0)
    result = run(made.particles, job(classes=2, iterations=10, half_sets=True), threads=2)
    assert class_agreement(result.poses.best_class, made.truth.classes, 2).mean_f1 == 1.0


def test_batches_and_threads_change_no_bit_of_the_halves():
    made = blobs(10)
    spec = job(half_sets=True, iterations=1, batch_particles=4)
    one, again = (run(made.particles, spec, threads=threads) for threads in (1, 3))
    for name in ("fold_maps", "half_maps", "fsc", "fsc_parts"):
        assert getattr(one.model, name).tobytes() == getattr(again.model, name).tobytes(), name


def beyond_shared(half_sets, seed):
    """Mean FSC of maps of pure noise beyond what half sets share, after ten iterations."""
    box, shared = 24, 40.0
    volumes = np.random.default_rng(seed).normal(size=(40, box, box, box)).astype(np.float32)
    particles = noise_particles(volumes)
    resolution = {"start_angstrom": 15.0, "limit_angstrom": 15.0}
    if half_sets:
        resolution["shared_angstrom"] = shared
    spec = job(half_sets=half_sets, iterations=10, seed=seed, resolution=resolution)
    model = run(particles, spec, threads=2).model
    first = int(box * 5.0 / shared) + 2
    return float(model.fsc[0, first:8].mean())


@pytest.mark.slow
def test_noise_agrees_with_noise_only_where_references_are_shared():
    apart = [beyond_shared(True, seed) for seed in (1, 2, 3, 4)]
    together = [beyond_shared(False, seed) for seed in (1, 2)]
    # Shells 5 to 7 of 24 hold about 1500 components, of which the mask leaves 400 independent:
    # a standard deviation of 0.05 each, doubled by the correction, and halved by four seeds.
    assert abs(np.mean(apart)) < 0.1
    assert min(together) > 0.15
