from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.data.confirmation import Confirmation
from subtomo_core.data.verdict import Finding, Verdict
from subtomo_core.fourier.shells import low_pass
from subtomo_core.run import run
from subtomo_core.simulate import TiltSeries, asymmetric_blob, barrel, simulate, simulate_series
from support.small_jobs import WEDGE, job

BOX, VOXEL, COUNT = 24, 8.0, 32
BLOB = asymmetric_blob(0.5 * BOX * VOXEL)
NOTHING = 1e-9  # SNR


def particles(form, snr, seed=1):
    if form == "wedge":
        made = simulate(
            [BLOB], [COUNT], BOX, VOXEL, snr=snr, missing=WEDGE, shift_range=1.0, seed=seed
        )
        return made.particles
    tilts = TiltSeries(step_deg=6.0)
    return simulate_series([BLOB], [COUNT], BOX, VOXEL, snr=snr, tilts=tilts, seed=seed).weighted


def verdict(source, references=None, **fields):
    spec = job(iterations=8, **fields)
    result = run(source, spec, references=references, threads=2)
    assert all(metrics.verdict is None for metrics in result.history[:-1])
    return result.history[-1].verdict


@pytest.mark.parametrize("form", ["wedge", "weights"])
@pytest.mark.parametrize("junk", [0.0, 0.5])
def test_pure_noise_is_never_called_a_structure(form, junk):
    found = verdict(particles(form, NOTHING), parameters={"junk": junk})
    assert found.state in {"noise", "undecided"}
    assert found.classes[0].z < 4.0
    assert len(found.advice) >= 3
    assert "starts" in " ".join(found.advice)


@pytest.mark.parametrize("form", ["wedge", "weights"])
def test_a_map_which_noise_gives_back_is_not_confirmed_by_it(form):
    start = {"kind": "maps", "maps": ["m"]}
    shown = low_pass(BLOB.density(BOX, VOXEL), VOXEL, 60.0)[None]
    found = verdict(particles(form, NOTHING), shown, start=start)
    assert found.state in {"noise", "undecided"}


@pytest.mark.parametrize(("form", "snr"), [("wedge", 0.1), ("weights", 0.5)])
def test_a_structure_is_called_one(form, snr):
    found = verdict(particles(form, snr))
    assert found.state == "structure"
    assert found.confidence > 0.99
    assert found.classes[0].share == pytest.approx(1.0, abs=0.35)
    assert "held-out components confirm" in found.reasons[0]


def sums(share, z, turning=None):
    """Sums of a class of which so much is confirmed."""
    power = 1000.0
    gain = share * power
    turning = z if turning is None else turning
    return Confirmation(power, gain, (gain / z) ** 2, gain, (gain / turning) ** 2)


def test_what_is_confirmed_decides():
    assert Finding.of(1, sums(0.9, 12.0)).state == "structure"
    assert Finding.of(1, sums(0.9, 3.0)).state == "undecided"
    assert Finding.of(1, sums(0.1, 12.0)).state == "undecided"  # too little of the reference
    assert Finding.of(1, sums(0.01, 0.2)).state == "noise"
    assert Finding.of(1, sums(0.9, 12.0), empty=True).state == "empty"
    round_thing = Finding.of(1, sums(0.9, 12.0, turning=0.5))
    assert round_thing.state == "undecided"
    assert "orientations are not borne out" in round_thing.reason
    nothing = Confirmation(0.0, 0.0, 0.0, 0.0, 0.0)
    assert Finding.of(1, nothing).state == "undecided"


def test_one_class_with_a_structure_is_enough_and_each_is_told_apart():
    findings = [Finding.of(1, sums(0.9, 12.0)), Finding.of(2, sums(0.01, 0.2))]
    found = Verdict.of(findings, converged=True, advice=("try more starts",))
    assert found.state == "structure"
    assert found.advice == ()
    assert [f.state for f in found.classes] == ["structure", "noise"]
    assert Verdict.of(findings[1:], converged=True).state == "noise"
    moving = Verdict.of(findings, converged=False, advice=("let it go on",))
    assert (moving.movement, moving.advice) == ("still moving", ("let it go on",))


@pytest.mark.parametrize(
    ("empty", "told"),
    [
        ((2,), "class 2 has no particles"),
        ((1, 3), "classes 1 and 3 have no particles"),
        ((1, 3, 4), "classes 1, 3 and 4 have no particles"),
    ],
)
def test_classes_without_particles_are_told_in_one_sentence(empty, told):
    findings = [Finding.of(k, sums(0.9, 12.0), empty=k in empty) for k in range(1, 5)]
    found = Verdict.of(findings, converged=True, caveats=("few particles",))
    shown = [k for k in range(1, 5) if k not in empty]
    assert [reason.split(":")[0] for reason in found.reasons] == [
        *(f"class {k} shows structure" for k in shown),
        told,
        "few particles",
    ]


def test_noise_alone_is_confirmed_by_chance_as_often_as_a_normal_number_says():
    # Held-out components of pure noise against any reference: z has the spread of 1.
    rng = np.random.default_rng(2)
    found = []
    for _ in range(300):
        seen = rng.normal(size=(2, 200))
        model = rng.normal(size=(2, 200))
        gain = 2.0 * (seen * model).sum()
        variance = 2.0 * ((seen**2).sum(0) * (model**2).sum(0)).sum()
        found.append(Confirmation(1.0, gain, variance, gain, variance).z)
    assert np.std(found) == pytest.approx(1.0, abs=0.15)


def test_a_symmetry_that_nobody_imposed_is_told_with_the_remedy():
    made = simulate(
        [barrel(0.55 * BOX * VOXEL)], [COUNT], BOX, VOXEL, snr=0.3, missing=WEDGE, shift_range=1.0
    )
    free, imposed = verdict(made.particles), verdict(made.particles, symmetry="D7")
    assert free.state == "structure"
    assert free.classes[0].symmetry == "D7"
    assert "--symmetry D7" in free.advice[0]
    assert imposed.classes[0].symmetry is None
    assert "--symmetry" not in " ".join(imposed.advice)


def test_a_body_without_symmetry_is_not_told_to_have_one():
    found = verdict(particles("wedge", 0.3))
    assert found.classes[0].symmetry is None
    assert "--symmetry" not in " ".join(found.advice)


def test_numbers_of_a_verdict_are_plain():
    found = Verdict.of([Finding.of(1, sums(0.9, 12.0))], converged=True).as_dict()
    assert found["state"] == "structure"
    assert isinstance(found["classes"][0]["share"], float)
