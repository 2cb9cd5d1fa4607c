"""The verdict on a job, from the model of its last iteration."""

from __future__ import annotations

from dataclasses import replace

from subtomo_core.data.confirmation import Confirmation
from subtomo_core.data.statistics import Model
from subtomo_core.data.verdict import Finding, Verdict
from subtomo_core.maximise.apparent_symmetry import Apparent, apparent_symmetry
from subtomo_core.maximise.averages import EMPTY
from subtomo_core.plan import Settings
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.restart_schedule import PARTICLE_STARTS
from subtomo_core.spec.start import ParticleStart, PosesStart, RandomStart

_MORE_STARTS = 8
_WARM = 2.0  # temperature that the advice suggests

_FROM_ELSEWHERE = (
    "the job began from poses which came with the particles: where these were fitted to noise "
    "elsewhere, the noise counts as confirmed here"
)


def judged(settings: Settings, model: Model, *, at_rest: bool) -> Model:
    """The model with a verdict where it is the job's last."""
    last = model.metrics.converged or model.iteration >= settings.spec.iterations
    if not last or not settings.holds_out or not len(model.confirmation):
        return model
    verdict = verdict_on(settings, model, converged=at_rest)
    return replace(model, metrics=replace(model.metrics, verdict=verdict))


def verdict_on(settings: Settings, model: Model, *, converged: bool) -> Verdict:
    """Verdict on the averages of a model."""
    particles = settings.summary.particles
    findings = [
        Finding.of(number, Confirmation(*row), empty=share * particles < EMPTY)
        for number, (row, share) in enumerate(
            zip(model.confirmation, model.metrics.class_shares, strict=True), start=1
        )
    ]
    shown = [_symmetry(settings, model, k, f) for k, f in enumerate(findings)]
    findings = [
        replace(f, symmetry=s.name if s else None) for f, s in zip(findings, shown, strict=True)
    ]
    start = settings.spec.start
    elsewhere = isinstance(start, PosesStart) and start.job is None
    return Verdict.of(
        findings,
        converged=converged,
        caveats=(_FROM_ELSEWHERE,) if elsewhere else (),
        advice=advice(settings.spec, converged=converged),
        finer=_to_impose(shown),
    )


def _symmetry(settings: Settings, model: Model, k: int, finding: Finding) -> Apparent | None:
    """Point group that a class shows and the job did not impose."""
    if finding.state != "structure" or len(settings.groups[k]) > 1:
        return None
    halves, fsc = model.half_maps[:, k], model.fsc[k]
    return apparent_symmetry(halves, fsc, settings.mask, model.shell_in_use)


def _to_impose(shown: list[Apparent | None]) -> tuple[str, ...]:
    """Advice on the symmetry of classes that show one."""
    alone = len({s and s.name for s in shown}) == 1
    return tuple(
        f"impose the symmetry {s.name}, if the molecule has it: the average of class {k} shows it "
        f"(correlation with its symmetrised self {s.correlation:.2f}), and would become finer: "
        + (f"--symmetry {s.name}" if alone else f"its particles alone with --symmetry {s.name}")
        for k, s in enumerate(shown, start=1)
        if s
    )


def advice(spec: AnySpec, *, converged: bool) -> tuple[str, ...]:
    """What to try next, in this order; what the job did already is left out."""
    told = [] if converged else [_go_on(spec)]
    told += _starts(spec)
    assignment = spec.parameters.assignment
    if assignment.soft and assignment.temperature < _WARM:
        told.append(
            "make poses less sure, for noise which is not independent: "
            f"--set parameters.temperature={_WARM:g}"
        )
    if spec.fits_mask and not spec.mask.particles and not spec.parameters.refines:
        told.append(
            "search the particles under the mask, where they are crowded: --set mask.particles=true"
        )
    if isinstance(spec.start, RandomStart | ParticleStart):
        told.append("start from a map which resembles the molecule: --start MAP.mrc --low-pass 60")
    else:
        told.append("start without what was given, from random orientations: leave --start out")
    return (
        *told,
        "look at the particles: whether they are centred, bright or dark as the dataset says, "
        "and what was picked",
    )


def _go_on(spec: AnySpec) -> str:
    return (
        f"let it go on, for the averages still change: subtomo continue last -i {spec.iterations}"
    )


def _starts(spec: AnySpec) -> list[str]:
    """More starts, and single particles as starts, as far as the job has not had them."""
    starts = spec.starts or 1
    if not spec.several_starts:
        random = isinstance(spec.start, RandomStart)
        return [f"try another random start: --seed {spec.seed + 1}"] if random else []
    if isinstance(spec.start, RandomStart):
        more = min(64, max(_MORE_STARTS, 2 * starts))
        tried = [f"try more starts: --starts {more} (it had {starts})"] if starts < 64 else []
        return [*tried, "start from single particles: --start particles -i 60"]
    if isinstance(spec.start, ParticleStart) and starts < 64:
        more = min(64, max(2 * starts, 2 * PARTICLE_STARTS))
        return [f"try more particles as starts: --starts {more} (it had {starts})"]
    return []
