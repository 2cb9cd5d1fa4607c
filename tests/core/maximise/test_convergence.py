"""When a job has said all it has to say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.data.statistics import Metrics
from subtomo_core.maximise.convergence import map_change, watched
from subtomo_core.run import run
from support.numerics import blob
from support.small_jobs import blobs, job, knowing, method_of

BOX = 16
MADE = blobs(12, BOX)


@pytest.fixture(scope="module")
def settings():
    return method_of(MADE.particles, job()).settings


def wave(shell):
    """A map of one Fourier component."""
    x = np.arange(BOX) - BOX // 2
    return np.broadcast_to(np.cos(2 * np.pi * shell * x / BOX), (BOX,) * 3).astype(np.float32)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.3])
def test_the_change_of_a_map_is_relative_to_it(settings, factor):
    body = blob(BOX)[None]
    expected = abs(1.0 - factor) / factor
    assert map_change(settings, body, factor * body, 5.0) == pytest.approx(expected, abs=1e-5)


def test_only_what_is_in_use_changes_a_map(settings):
    before = wave(2)[None]
    assert map_change(settings, before, before + wave(6), 5.0) == pytest.approx(0.0, abs=1e-5)
    assert map_change(settings, before, before + wave(3), 5.0) == pytest.approx(np.sqrt(0.5))


def test_the_class_which_changed_most_counts(settings):
    body, empty = blob(BOX), np.zeros((BOX,) * 3, np.float32)
    still, moved = np.stack([body, empty]), np.stack([0.8 * body, empty])
    assert map_change(settings, still, still, 5.0) == 0.0
    assert map_change(settings, moved, still, 5.0) == pytest.approx(0.2, rel=1e-4)
    assert map_change(settings, still, still[::-1], 5.0) == np.inf


class Quiet:
    """Two successive models between which nothing changes."""

    def __init__(self, classes=1, **fields):
        method = method_of(MADE.particles, job(classes=classes, iterations=20, **fields))
        self.settings = method.settings
        model = knowing(method, np.repeat(MADE.truth.maps, classes, 0), 3.0)
        metrics = Metrics(class_changes=0)
        self.before = replace(
            model, iteration=9, log_likelihood=100.0, quiet=4, metrics=metrics, start=1
        )
        self.after = replace(self.before, iteration=10, quiet=0)

    def watch(self, before=None, after=None):
        changed = replace(self.before, **(before or {})), replace(self.after, **(after or {}))
        return watched(self.settings, *changed)


def test_two_still_iterations_are_the_end():
    quiet = Quiet()
    assert quiet.watch().metrics.converged
    first = quiet.watch(before={"quiet": 0})
    assert (first.quiet, first.metrics.converged) == (4, False)
    assert first.metrics.map_change == 0.0


def test_eight_quiet_iterations_are_the_end_though_particles_swap_equal_views():
    quiet = Quiet()
    swapped = {"maps": np.float32(1.04) * quiet.before.maps}
    for count in range(8):
        found = quiet.watch({"quiet": count}, swapped)
        assert found.quiet == count + 1
        assert found.metrics.converged == (count == 7)


def test_a_job_may_be_told_not_to_stop():
    found = Quiet(stop_when_converged=False).watch()
    assert (found.quiet, found.metrics.converged) == (8, False)


RESTLESS = [
    ({}, {"maps": 1.1 * MADE.truth.maps}),
    ({}, {"log_likelihood": 100.5}),
    ({}, {"log_likelihood": 99.5}),
    ({}, {"metrics": Metrics(class_changes=1)}),
    ({"shell_in_use": 4.0}, {}),
    ({"scaled": False}, {}),
    ({"start": 0}, {}),
]


@pytest.mark.parametrize(("before", "after"), RESTLESS)
def test_whatever_still_moves_keeps_a_job_going(before, after):
    found = Quiet().watch(before, after)
    assert (found.quiet, found.metrics.converged) == (0, False)


@pytest.mark.parametrize(("seeded", "quiet"), [(10, 0), (5, 0), (4, 8), (0, 8)])
def test_a_class_which_was_divided_keeps_a_job_going_until_its_halves_were_compared(seeded, quiet):
    found = Quiet(classes=2).watch({"seeded": seeded}, {"seeded": seeded})
    assert found.quiet == quiet


def test_starts_which_are_compared_keep_a_job_going():
    quiet = Quiet()
    rivals = (replace(quiet.before, start=0),)
    assert quiet.watch(before={"rivals": rivals}).quiet == 0


@pytest.fixture(scope="module")
def whole():
    """A clear run to its last iteration, and one which may stop."""
    fields = {"iterations": 24, "resolution": {"start_angstrom": 20.0, "limit_angstrom": 20.0}}
    return [
        run(MADE.particles, job(stop_when_converged=stop, **fields), threads=2)
        for stop in (False, True)
    ]


def test_a_run_ends_early_with_what_it_would_have_had_there(whole):
    full, stopped = whole
    count = len(stopped.history)
    assert len(full.history) == 25
    assert 3 < count < 25
    assert [m.converged for m in stopped.history] == [False] * (count - 1) + [True]
    for one, other in zip(stopped.history, full.history, strict=False):
        assert replace(one, converged=False, verdict=None) == replace(other, verdict=None)


def test_nothing_was_left_to_gain(whole):
    full, stopped = whole
    settings = method_of(MADE.particles, job()).settings
    assert map_change(settings, stopped.model.maps, full.model.maps, 4.0) < 0.1
