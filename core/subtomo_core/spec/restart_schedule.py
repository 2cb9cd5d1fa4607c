"""Starts which run side by side for a trial, and the rounds of a trial.

See docs/decisions/0013-several-random-starts.md and 0044-single-particles-as-a-start.md.
"""

from __future__ import annotations

from typing import Any

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.start import ParticleStart, RandomStart

RANDOM_STARTS = 3  # unless the job says otherwise
PARTICLE_STARTS = 16  # the same, from single particles
_TRIAL = 8  # iterations in which random starts are compared, at least
_PARTICLE_TRIAL = 0.75  # share of the iterations in which those from particles are


def starts_in(spec: AnySpec, iteration: int) -> int:
    """Starts which run side by side in an iteration of a resolved specification."""
    return spec.starts or 1 if iteration <= (spec.trial_iterations or 0) else 1


def rounds_begin(spec: AnySpec) -> tuple[int, ...]:
    """Iterations of a resolved specification after which a round begins (`ParticleStart`)."""
    if not isinstance(spec.start, ParticleStart):
        return ()
    length = (spec.trial_iterations or 0) / spec.start.rounds
    return tuple(round(number * length) for number in range(spec.start.rounds))


def begins_round(spec: AnySpec, iteration: int) -> bool:
    """Whether the search begins again at its coarsest after an iteration."""
    return iteration in rounds_begin(spec)


def settled(spec: AnySpec, iteration: int) -> bool:
    """Whether no round begins any more."""
    return iteration > max(rounds_begin(spec), default=-1)


def trial_problems(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    """What does not fit of a specification's starts and their trial."""
    problems = []
    starts = spec.starts or 1
    if isinstance(spec.start, ParticleStart):
        needed = starts * spec.classes
        if needed > summary.particles:
            problems.append(
                Problem(
                    f"{starts} starts of {spec.classes} classes begin from {needed} particles, and "
                    f"the dataset has {summary.particles}: ask for fewer starts",
                    pointer="/starts",
                )
            )
        if (spec.trial_iterations or spec.iterations) < spec.start.rounds:
            problems.append(
                Problem(
                    f"{spec.start.rounds} rounds need as many iterations: ask for more iterations, "
                    "or for fewer rounds",
                    pointer="/start/rounds",
                )
            )
    elif not isinstance(spec.start, RandomStart) and starts > 1:
        problems.append(
            Problem(
                f"{starts} starts were asked for, but the first references are given: "
                "leave out starts, or start from random orientations or from particles",
                pointer="/starts",
            )
        )
    if (spec.trial_iterations or 0) > spec.iterations:
        problems.append(
            Problem(
                f"starts cannot be compared for {spec.trial_iterations} iterations in a job of "
                f"{spec.iterations}: choose at most {spec.iterations}",
                pointer="/trial_iterations",
            )
        )
    return problems


def trial_defaults(spec: AnySpec, summary: DatasetSummary) -> dict[str, Any]:
    """Open fields of the trial, ``starts`` and ``trial_iterations``.

    It is long enough for a frame to emerge, and leaves iterations to the start kept. Several
    classes look for theirs once they have sorted the particles.
    """
    if isinstance(spec.start, ParticleStart):
        most = max(1, summary.particles // spec.classes)
        return {
            "starts": spec.starts or min(PARTICLE_STARTS, most),
            "trial_iterations": spec.trial_iterations
            or max(spec.start.rounds, round(_PARTICLE_TRIAL * spec.iterations)),
        }
    random = isinstance(spec.start, RandomStart)
    starts = spec.starts or (RANDOM_STARTS if random else 1)
    if starts == 1:
        return {"starts": 1, "trial_iterations": None}
    trial = max(_TRIAL, round(0.4 * spec.iterations)) + _sorting_iterations(spec)
    trial = min(trial, max(1, spec.iterations - 1))
    return {"starts": starts, "trial_iterations": spec.trial_iterations or trial}


def _sorting_iterations(spec: AnySpec) -> int:
    return spec.parameters.assignment.drawn_together if spec.classes > 1 else 0
