from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from subtomo_core.fourier import band, radius_of, shell_sums, to_fourier
from subtomo_core.maximisation import fsc
from subtomo_core.methods.averages import Averages, regularised
from subtomo_core.methods.update import (
    next_shell,
    noise_variance,
    pull,
    reference_noise,
    wiener,
)
from subtomo_core.missing import observed
from support.numerics import error
from support.small_jobs import (
    WEDGE,
    batch_of,
    blobs,
    job,
    knowing,
    method_of,
    noise_particles,
    surveyed,
    volumes_of,
)
from support.strategies import seeds

BOX, COUNT = 16, 12
BAND = band(BOX, 6.0, observed(WEDGE, BOX) > 0)
SHELLS = BOX // 2 + 1


class Step:
    """A method, its model, and statistics of a real batch against it."""

    def __init__(self, algorithm="faml", classes=1, **fields):
        self.made = blobs(COUNT, BOX)
        self.method = method_of(self.made.particles, job(algorithm, classes=classes, **fields))
        self.settings = self.method.settings
        turned = [
            self.made.truth.maps,
            self.made.truth.maps[:, ::-1],
            self.made.truth.maps[:, :, ::-1],
        ]
        self.model = knowing(self.method, np.concatenate(turned[:classes]), 3.0)
        self.statistics = self.method.expect(batch_of(self.made.particles), self.model).statistics

    def maximise(self, **changes):
        """The next model where some statistics are others."""
        return self.method.maximise(self.model, replace(self.statistics, **changes))


@pytest.fixture(scope="module")
def faml():
    return Step()


@pytest.fixture(scope="module")
def pair():
    return Step(classes=2, parameters={"regularisation": 0.0})


def half_seen(step, region):
    """The step's sums with nothing outside a region, and the averages of them."""
    window = region.astype(np.float32)
    sums = replace(
        step.statistics,
        numerator=step.statistics.numerator * window,
        denominator=step.statistics.denominator * window,
    )
    return Averages.of(step.settings, sums, step.model.shell_in_use)


def test_where_nothing_was_seen_faml_keeps_the_present_map(faml):
    region = np.zeros((BOX, BOX, SHELLS), bool)
    region[: BOX // 2] = True
    averages = half_seen(faml, region)
    radius = radius_of(BOX)
    unseen = ~region & (radius > 0) & (radius <= BOX / 2)
    for without in (None, 1):
        new = averages.classes(faml.model, without, 0.0)[0]
        old = to_fourier(faml.model.fold_maps[0, 0])
        assert np.allclose(new[unseen], old[unseen], atol=1e-5)
        inside = region & (radius > 1) & (radius < averages.radius)
        assert error(new[inside], old[inside]) > 0.1


def test_where_nothing_was_seen_fa_fades_to_zero():
    step = Step("fa")
    region = np.zeros((BOX, BOX, SHELLS), bool)
    region[: BOX // 2] = True
    new = half_seen(step, region).classes(step.model, None, 0.0)[0]
    assert not new[~region].any()
    assert new[region].any()


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_averages_of_well_seen_particles_are_the_structure(algorithm):
    step = Step(algorithm)
    # The engine scales a particle by its background, and its reference with it.
    read = [step.settings.observer.read(step.made.particles, i, BAND)[0] for i in range(COUNT)]
    raw = [BAND.take(to_fourier(v)) for v in volumes_of(step.made.particles)]
    scale = np.mean(
        [np.linalg.norm(r.values) / np.linalg.norm(v) for r, v in zip(read, raw, strict=True)]
    )
    model = knowing(step.method, step.made.truth.maps * np.float32(scale), 1.5)
    seen = step.method.expect(batch_of(step.made.particles), model)
    result = step.method.maximise(model, seen.statistics)
    curve = fsc(
        to_fourier(result.maps[0]), to_fourier(step.made.truth.maps[0] * step.settings.mask)
    )
    assert curve[1:5].min() > 0.9
    truth = step.settings.shape(step.made.truth.maps[0], 5.0)
    found = step.settings.shape(result.maps[0], 5.0)
    assert np.vdot(found, truth) / np.vdot(truth, truth) == pytest.approx(0.92 * scale, rel=0.12)


@pytest.mark.parametrize("algorithm", ["faml", "fa"])
def test_averages_do_not_depend_on_the_scale_of_given_maps(algorithm):
    made = blobs(COUNT, BOX)
    method = method_of(made.particles, job(algorithm))
    maps = []
    for scale in (1e-3, 1.0, 1e3):
        model, _ = surveyed(method, made.particles, made.truth.maps * np.float32(scale))
        seen = method.expect(batch_of(made.particles), model)
        maps.append(method.maximise(model, seen.statistics).fold_maps)
    # What no particle saw may be filled with the given map, but never with another scale's.
    assert error(maps[2], maps[1]) < 0.15
    assert error(maps[0], maps[1]) < 0.15


def test_the_shifts_prior_has_a_floor(faml):
    assert faml.maximise(shift_square=0.0).xi == pytest.approx(0.5)
    assert faml.maximise(shift_square=3.0 * COUNT * 4.0).xi == pytest.approx(2.0)


def test_shares_are_those_of_the_posteriors(pair):
    mass = np.array([[1.0, 2.0]] * 4)
    result = pair.maximise(mass=mass)
    assert np.allclose(result.shares, [1 / 3, 2 / 3])
    assert np.allclose(result.metrics.class_shares, [4 / COUNT, 8 / COUNT])


def test_a_class_which_empties_keeps_its_map_and_is_told(pair):
    mass = pair.statistics.mass.copy()
    mass[:, 1] = 0.1
    numerator, denominator = pair.statistics.numerator.copy(), pair.statistics.denominator.copy()
    numerator[:, 1], denominator[:, 1] = 0.0, 0.0
    result = pair.maximise(mass=mass, numerator=numerator, denominator=denominator)
    assert len(result.metrics.alarms) == 1
    assert "class 2 is empty" in result.metrics.alarms[0]
    assert np.isfinite(result.maps).all()
    inner = slice(1, int(pair.settings.start_shell) - 1)
    for fold in range(4):
        kept = to_fourier(result.fold_maps[fold, 1])
        assert fsc(kept, to_fourier(pair.model.fold_maps[fold, 1]))[inner].min() > 0.99
        assert kept.any()
    assert pair.maximise().metrics.alarms == tuple(
        a for a in pair.maximise().metrics.alarms if "empty" in a
    )


def test_full_classes_raise_no_alarm(faml):
    assert faml.maximise().metrics.alarms == ()


def test_references_without_signal_are_told(faml):
    empty = replace(faml.model, maps=np.zeros_like(faml.model.maps))
    alarms = faml.method.maximise(empty, faml.statistics).metrics.alarms
    assert len(alarms) == 1
    assert "no signal" in alarms[0]


@pytest.mark.parametrize(("classes", "strength", "length"), [(2, 5.0, 5), (4, 1.0, 3)])
def test_the_regularisation_falls_linearly_to_nothing(classes, strength, length):
    parameters = {"regularisation": strength, "regularisation_iterations": length}
    method = method_of(blobs(8).particles, job(classes=classes, parameters=parameters))
    theta = [pull(method.settings, i, 100.0) for i in range(1, length + 4)]
    assert theta[0] == pytest.approx(strength * 100.0 / classes**2)
    assert theta[length:] == [0.0, 0.0, 0.0]
    assert np.allclose(np.diff(theta[: length + 1]), -theta[0] / length)


def test_hard_assignment_and_no_iterations_mean_no_regularisation():
    particles = blobs(8).particles
    for spec in (
        job("fa", classes=2),
        job(classes=2, parameters={"regularisation_iterations": 0}),
        job(classes=2, parameters={"regularisation": 0.0}),
    ):
        assert pull(method_of(particles, spec).settings, 1, 100.0) == 0.0


@hypothesis_settings(max_examples=20, deadline=None)
@given(seeds(), st.integers(2, 5), st.floats(0.1, 100.0))
def test_regularisation_draws_classes_together_and_keeps_their_sum(seed, classes, theta):
    rng = np.random.default_rng(seed)
    maps = [rng.normal(size=50).astype(np.complex64) for _ in range(classes)]
    mass = rng.uniform(1.0, 20.0, classes)
    drawn = regularised(maps, mass, theta)
    together = np.sum(maps, 0)
    for m, before, after in zip(mass, maps, drawn, strict=True):
        expected = (m * before + theta * together) / (m + classes * theta)
        assert np.allclose(after, expected, atol=1e-5)

    def spread(some):
        return sum(float(np.linalg.norm(a - np.mean(some, 0))) for a in some)

    equal = np.full(classes, 7.0)
    once, twice = regularised(maps, equal, theta), regularised(maps, equal, 2 * theta)
    assert spread(twice) < spread(once) < spread(maps)
    assert np.allclose(np.sum(once, 0), together, atol=1e-4)
    assert all(a is b for a, b in zip(regularised(maps, mass, 0.0), maps, strict=True))


def test_regularised_classes_of_a_job_are_nearer(pair):
    step = Step(classes=2, parameters={"regularisation": 5.0})
    apart, near = pair.maximise().maps, step.maximise().maps
    assert error(near[0], near[1]) < 0.5 * error(apart[0], apart[1])


@hypothesis_settings(max_examples=50, deadline=None)
@given(seeds(), st.floats(0.0, 1.0), st.sampled_from([2, 20, 200]))
def test_the_resolution_in_use_grows_slowly_and_ends_at_the_limit(seed, part, iterations):
    method = method_of(CHEAP, job(iterations=iterations, resolution={"start_angstrom": 25.0}))
    settings = method.settings
    shell = settings.start_shell + part * (settings.limit_shell - settings.start_shell)
    model = replace(method.start(), iteration=3, shell_in_use=shell)
    rng = np.random.default_rng(seed)
    curve = np.clip(rng.normal(0.4, 0.4, (2, SHELLS)), -1, 1).astype(np.float32)
    shells = next_shell(settings, model, curve)
    assert settings.start_shell <= shells <= settings.limit_shell + 1e-9
    assert shells <= shell + 2.0 + 1e-9


CHEAP = blobs(8).particles


def test_the_resolution_in_use_follows_what_the_halves_agree_on():
    method = method_of(CHEAP, job(iterations=4, resolution={"start_angstrom": 40.0}))
    settings = method.settings
    assert settings.start_shell == pytest.approx(2.0)
    model = replace(method.start(), iteration=3, shell_in_use=4.0)
    found = []
    for agreed in range(1, SHELLS):
        curve = np.where(np.arange(SHELLS) <= agreed, 0.9, 0.0)[None]
        found.append(next_shell(settings, model, curve))
    assert found == sorted(found)
    assert found[0] == pytest.approx(3.0)  # two shells beyond what agrees, even if that is less
    assert found[-1] == pytest.approx(min(4.0 + settings.growth, settings.limit_shell))


def test_shells_up_to_the_start_are_not_looked_at_for_growth_in_the_survey():
    method = method_of(CHEAP, job())
    model, _ = surveyed(method, CHEAP)
    assert model.shell_in_use == method.settings.start_shell


@hypothesis_settings(max_examples=30, deadline=None)
@given(seeds())
def test_the_gain_of_a_shell_is_a_share_and_never_rises(seed):
    settings = method_of(CHEAP, job(resolution={"start_angstrom": 25.0})).settings
    curve = np.random.default_rng(seed).uniform(-1, 1, SHELLS).astype(np.float32)
    gain = wiener(settings, curve)
    assert ((gain >= 0) & (gain <= 1)).all()
    assert (np.diff(gain) <= 0).all()
    assert (gain[: int(settings.start_shell) + 1] == 1).all()


def noise_sums(step, per_shell, seen):
    count = np.where(np.arange(SHELLS) <= seen, 10.0 * np.arange(SHELLS), 0.0)
    return replace(step.statistics, noise_sum=count * per_shell, noise_count=count)


def test_white_noise_is_one_number_and_coloured_noise_one_for_each_shell(faml):
    colour = 5.0 - 0.5 * np.arange(SHELLS)
    sums = noise_sums(faml, colour, 5)
    white = noise_variance(faml.settings, faml.model, sums)
    assert np.allclose(white, sums.noise_sum.sum() / sums.noise_count.sum())
    shells = Step(parameters={"noise": "shells"})
    found = noise_variance(shells.settings, shells.model, sums)
    assert np.allclose(found[1:6], colour[1:6])
    assert np.allclose(found[6:], shells.model.noise[6:])  # not looked at: as they were
    assert found[0] > 0


def test_distances_to_maps_of_another_scale_say_nothing_of_the_noise(faml):
    strange = replace(faml.model, scaled=False)
    result = faml.method.maximise(strange, faml.statistics)
    assert np.array_equal(result.noise, faml.model.noise)
    assert result.scaled


def test_the_noise_found_is_what_the_references_do_not_explain():
    # Against the truth what is left is the noise which was added, in the particles' scale.
    made = blobs(COUNT, BOX)
    method = method_of(made.particles, job())
    support = method.settings.observer.band(BOX / 2 - 1.0)
    scales = []
    for i, v in enumerate(volumes_of(made.particles)):
        values = method.settings.observer.read(made.particles, i, support)[0].values
        scales.append(np.linalg.norm(values) / np.linalg.norm(support.take(to_fourier(v))))
    added = np.mean(np.square(scales)) / made.snr
    model = knowing(method, made.truth.maps * np.float32(np.mean(scales)), added)
    result = method.maximise(model, method.expect(batch_of(made.particles), model).statistics)
    assert result.noise[3] == pytest.approx(added, rel=0.1)
    nothing = knowing(method, 0.001 * made.truth.maps, added)
    blind = method.expect(batch_of(made.particles), nothing).statistics
    assert method.maximise(nothing, blind).noise[3] > 1.3 * added


@hypothesis_settings(max_examples=5, deadline=None)
@given(seeds())
def test_equal_halves_have_no_reference_noise(seed):
    settings = method_of(CHEAP, job()).settings
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(1, BOX, BOX, BOX)).astype(np.float32)
    gains = np.ones((1, SHELLS), np.float32)
    equal = reference_noise(settings, np.stack([maps, maps]), gains, 5.0)
    assert equal.shape == (1, SHELLS)
    assert not equal.any()
    assert reference_noise(settings, np.stack([maps, -maps]), gains, 5.0)[0, 1:5].min() > 0


@pytest.mark.parametrize("classes", [1, 2])
def test_the_reference_noise_of_pure_noise_is_the_references_own_power(classes):
    box, found, true = 20, [], []
    each = shell_sums(np.ones((box, box, box // 2 + 1), np.float32), box)
    for seed in range(4):
        volumes = np.random.default_rng(seed).normal(size=(24 * classes, box, box, box))
        particles = noise_particles(volumes.astype(np.float32))
        method = method_of(particles, job(classes=classes, seed=seed))
        model, _ = surveyed(method, particles)
        inside = slice(2, int(method.settings.start_shell) - 1)
        for k in range(classes):
            powers = [
                shell_sums(np.abs(to_fourier(m)) ** 2, box) / each for m in model.fold_maps[:, k]
            ]
            true.append(np.mean(powers, 0)[inside].mean())
            found.append(model.reference_noise[k, inside].mean())
    assert np.mean(found) == pytest.approx(np.mean(true), rel=0.2)


def test_the_reference_noise_falls_with_the_number_of_particles():
    volumes = np.random.default_rng(1).normal(size=(64, BOX, BOX, BOX)).astype(np.float32)
    found = []
    for count in (16, 64):
        particles = noise_particles(volumes[:count])
        model, _ = surveyed(method_of(particles, job()), particles)
        found.append(model.reference_noise[0, 2:6].mean())
    assert found[0] / found[1] == pytest.approx(4.0, rel=0.4)


def test_iterations_are_counted(faml):
    result = faml.maximise()
    assert result.iteration == faml.model.iteration + 1
    assert result.metrics.fsc_kind == "shared reference"
    extent = faml.settings.extent
    assert result.metrics.resolution_in_use_angstrom == pytest.approx(extent / result.shell_in_use)
