from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from subtomo_core.data.statistics import Model
from subtomo_core.fourier.band import band
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.maximise.averages import Averages
from subtomo_core.maximise.iteration_metrics import stand_empty
from subtomo_core.maximise.next_model import next_shell
from subtomo_core.maximise.wiener_gains import wiener
from support.core_steps import STEP_BOX as BOX
from support.core_steps import STEP_COUNT as COUNT
from support.core_steps import Step
from support.numerics import error
from support.small_jobs import WEDGE, batch_of, blobs, job, knowing, method_of, surveyed, volumes_of
from support.strategies import seeds

BAND = band(BOX, 6.0, observed(WEDGE, BOX) > 0)
SHELLS = BOX // 2 + 1
CHEAP = blobs(8).particles


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
    assert faml.maximise(shift_square=3.0 * COUNT * 4.0).xi == pytest.approx(2.0, rel=1e-4)


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


def test_a_class_stands_empty_until_it_has_particles(pair):
    few, many = np.array([12.0, 0.1]), np.array([8.0, 4.0])
    emptied = replace(pair.model, emptied=stand_empty(few, pair.model))
    stored = Model.from_arrays(emptied.to_arrays())
    assert stored.emptied.tolist() == [False, True]
    assert stand_empty(few, stored).tolist() == [False, True]
    assert not stand_empty(many, stored).any()
    # Particles are promised to it: no reason for an alarm, unless it stood empty already.
    assert not stand_empty(few, replace(pair.model, adopting=1)).any()
    assert stand_empty(few, replace(stored, adopting=1)).tolist() == [False, True]


def test_full_classes_raise_no_alarm(faml):
    assert faml.maximise().metrics.alarms == ()


def test_references_without_signal_are_told(faml):
    empty = replace(faml.model, maps=np.zeros_like(faml.model.maps))
    alarms = faml.method.maximise(empty, faml.statistics).metrics.alarms
    assert len(alarms) == 1
    assert "no signal" in alarms[0]


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
    curve = np.random.default_rng(seed).uniform(-1, 1, SHELLS).astype(np.float32)
    gain = wiener(curve, kept=3)
    assert ((gain >= 0) & (gain <= 1)).all()
    assert (np.diff(gain) <= 0).all()
    assert (gain[:4] == 1).all()
    even = np.full(SHELLS, 0.5, np.float32)
    assert np.allclose(wiener(even)[2:], 2 / 3)
    assert np.allclose(wiener(even, 1.0)[2:], 0.5)


def test_iterations_are_counted(faml):
    result = faml.maximise()
    assert result.iteration == faml.model.iteration + 1
    assert result.metrics.fsc_kind == "shared reference"
    extent = faml.settings.extent
    assert result.metrics.resolution_in_use_angstrom == pytest.approx(extent / result.shell_in_use)
