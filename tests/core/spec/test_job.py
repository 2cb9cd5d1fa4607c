from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from subtomo_core.errors import InputError
from subtomo_core.spec.checks import check
from subtomo_core.spec.costs import seconds_per_particle
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve, shell_of

# Left open they limit nothing.
from subtomo_core.spec.job import FamlSpec, FaSpec, job_spec_adapter

# Left open they limit nothing.
from subtomo_core.spec.missing_region import Complete, Cone, Pyramid, Wedge, Weights
from subtomo_core.spec.parameters import FamlParameters

# Left open they limit nothing.
LIMITS = {"sigma", "search_range_deg", "search_range_angstrom"}


def spec(algorithm="faml", **fields):
    return job_spec_adapter.validate_python({"algorithm": algorithm, "dataset": "d", **fields})


def summary(particles=100, box=64, voxel=5.0, missing=None):
    return DatasetSummary(
        particles=particles,
        box=box,
        voxel_size_angstrom=voxel,
        missing=missing or Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0),
    )


def pointers(problems):
    return [problem.pointer for problem in problems]


@st.composite
def jobs(draw):
    """A dataset, and a job which fits it, some of its fields left open."""
    data = summary(
        particles=draw(st.integers(8, 10_000)),
        box=2 * draw(st.integers(4, 64)),
        voxel=draw(st.floats(0.5, 20.0)),
        missing=draw(st.sampled_from([None, Complete(), Cone(half_angle_deg=30.0), Weights()])),
    )
    nyquist, half = 2.0 * data.voxel_size_angstrom, data.box * data.voxel_size_angstrom / 2.0
    limit = draw(st.none() | st.floats(nyquist, half))
    start = draw(st.none() | st.floats(limit or nyquist, half))
    open_fields = {
        "classes": draw(st.integers(1, 8)),
        "iterations": draw(st.integers(1, 50)),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "resolution": {"start_angstrom": start, "limit_angstrom": limit},
        "mask": {"diameter_angstrom": draw(st.none() | st.floats(2.0 * nyquist, 2.0 * half))},
        "batch_particles": draw(st.none() | st.integers(1, 500)),
        "start": draw(
            st.sampled_from(
                [{"kind": "random"}, {"kind": "maps", "maps": ["m"]}, {"kind": "job", "job": "j"}]
            )
        ),
        "parameters": {
            "bandwidth": draw(st.none() | st.integers(4, 64)),
            "shift_range_angstrom": draw(st.none() | st.floats(1.0, 50.0)),
        },
    }
    return spec(draw(st.sampled_from(["faml", "fa"])), **open_fields), data


@pytest.mark.parametrize(
    "fields",
    [
        {"class_count": 2},
        {"parameters": {"candidate": 5}},
        {"mask": {"radius": 5.0}},
        {"resolution": {"end": 5.0}},
        {"start": {"kind": "random", "seed": 3}},
        {"start": {"kind": "noise"}},
    ],
)
def test_unknown_fields_are_refused(fields):
    with pytest.raises(ValidationError):
        spec(**fields)


def test_what_belongs_to_faml_is_refused_by_fa():
    spec("faml", parameters={"voronoi_points": 1000})
    with pytest.raises(ValidationError, match="voronoi_points"):
        spec("fa", parameters={"voronoi_points": 1000})


@pytest.mark.parametrize(
    ("name", "kind"), [("FAML", FamlSpec), ("Faml", FamlSpec), ("FA", FaSpec), ("fa", FaSpec)]
)
def test_the_case_of_an_algorithm_does_not_matter(name, kind):
    assert type(spec(name)) is kind
    assert spec(name).algorithm == name.lower()


def test_an_algorithm_which_nobody_knows_is_refused():
    for name in ("fast", "", None, 3):
        with pytest.raises(ValidationError):
            spec(name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0])
def test_lengths_are_finite_and_above_zero(value):
    for fields in (
        {"mask": {"diameter_angstrom": value}},
        {"resolution": {"limit_angstrom": value}},
        {"parameters": {"shift_range_angstrom": value}},
    ):
        with pytest.raises(ValidationError):
            spec(**fields)


@pytest.mark.parametrize(
    "fields",
    [{"seed": -1}, {"seed": 2**63}, {"classes": 0}, {"iterations": 0}, {"batch_particles": 0}],
)
def test_counts_outside_their_range_are_refused(fields):
    with pytest.raises(ValidationError):
        spec(**fields)


@pytest.mark.parametrize(("low", "high"), [(60.0, -60.0), (30.0, 30.0)])
def test_a_tilt_range_upside_down_is_refused_with_its_numbers(low, high):
    with pytest.raises(ValidationError, match=f"upside down.*{low:g} to {high:g} degrees"):
        Wedge(tilt_min_deg=low, tilt_max_deg=high)
    with pytest.raises(ValidationError, match="second_tilt_min_deg and second_tilt_max_deg"):
        Pyramid(
            tilt_min_deg=-60.0,
            tilt_max_deg=60.0,
            second_tilt_min_deg=low,
            second_tilt_max_deg=high,
        )


def test_records_are_frozen():
    with pytest.raises(ValidationError):
        spec().classes = 3


def test_more_classes_than_particles_do_not_fit():
    assert check(spec(classes=5), summary(particles=5)) == []
    problems = check(spec(classes=6), summary(particles=5))
    assert pointers(problems) == ["/classes"]
    assert "6 classes cannot be made of 5 particles" in problems[0].detail


@pytest.mark.parametrize(
    ("diameter", "fits"), [(20, True), (320, True), (19.9, False), (321, False)]
)
def test_a_mask_fits_the_box(diameter, fits):
    problems = check(spec(mask={"diameter_angstrom": diameter}), summary())
    assert pointers(problems) == ([] if fits else ["/mask/diameter_angstrom"])


@pytest.mark.parametrize("field", ["start_angstrom", "limit_angstrom"])
@pytest.mark.parametrize(("value", "fits"), [(10, True), (160, True), (9.9, False), (161, False)])
def test_a_resolution_lies_between_two_voxels_and_half_the_box(field, value, fits):
    problems = check(spec(resolution={field: value}), summary())
    assert pointers(problems) == ([] if fits else [f"/resolution/{field}"])


def test_the_resolution_grows_from_start_to_limit():
    assert check(spec(resolution={"start_angstrom": 40, "limit_angstrom": 40}), summary()) == []
    problems = check(spec(resolution={"start_angstrom": 30, "limit_angstrom": 40}), summary())
    assert pointers(problems) == ["/resolution/start_angstrom"]


@pytest.mark.parametrize(("count", "fits"), [(1, True), (3, True), (2, False), (4, False)])
def test_there_is_one_starting_map_or_one_for_each_class(count, fits):
    start = {"kind": "maps", "maps": [f"map_{i}" for i in range(count)]}
    problems = check(spec(classes=3, start=start), summary())
    assert pointers(problems) == ([] if fits else ["/start/maps"])


def test_every_problem_is_told_at_once():
    wrong = spec(classes=9, mask={"diameter_angstrom": 1}, resolution={"limit_angstrom": 1})
    with pytest.raises(InputError) as caught:
        resolve(wrong, summary(particles=4))
    assert pointers(caught.value.problems) == [
        "/classes",
        "/mask/diameter_angstrom",
        "/resolution/limit_angstrom",
    ]


def test_defaults_come_from_physics():
    resolved = resolve(spec(), summary(box=64, voxel=5.0))
    assert resolved.resolution.limit_angstrom == pytest.approx(12.5)  # 0.8 of Nyquist
    assert resolved.resolution.start_angstrom == pytest.approx(40.0)  # shell 8
    assert resolved.mask.diameter_angstrom == pytest.approx(256.0)
    assert resolved.parameters.shift_range_angstrom == pytest.approx(32.0)
    assert resolved.parameters.noise == "white"
    assert resolve(spec(), summary(missing=Weights())).parameters.noise == "shells"
    assert resolved.mask.fit
    assert resolved.resolution.growth_shells == pytest.approx(1.76)  # 8 to 25.6 in 10 iterations
    assert not resolve(spec(mask={"diameter_angstrom": 200.0}), summary()).mask.fit


@pytest.mark.parametrize("growth", [0.0, -1.0, 4.5])
def test_a_resolution_which_stands_still_or_leaps_is_refused(growth):
    with pytest.raises(ValidationError, match="growth_shells"):
        spec(resolution={"growth_shells": growth})


@pytest.mark.parametrize("kind", [{"kind": "maps", "maps": ["m"]}, {"kind": "job", "job": "j"}])
def test_starting_maps_are_low_passed_at_the_start_resolution(kind):
    resolved = resolve(spec(start=kind), summary())
    assert resolved.start.low_pass_angstrom == resolved.resolution.start_angstrom
    given = resolve(spec(start=kind | {"low_pass_angstrom": 77.0}), summary())
    assert given.start.low_pass_angstrom == 77.0


@given(jobs())
def test_what_is_resolved_fits_has_no_open_field_and_stays_as_it_is(both):
    job, data = both
    resolved = resolve(job, data)
    assert resolve(resolved, data) == resolved
    parameters = resolved.parameters.model_dump()
    assert {n for n, value in parameters.items() if value is None} <= LIMITS
    assert resolved.batch_particles is not None
    start, limit = resolved.resolution.start_angstrom, resolved.resolution.limit_angstrom
    assert start >= limit >= 2.0 * data.voxel_size_angstrom
    assert shell_of(limit, data) <= data.box / 2 - 1 + 1e-9


@given(jobs())
def test_what_was_said_is_kept(both):
    job, data = both
    resolved = resolve(job, data)
    for part in (job.parameters, job.mask):
        said = part.model_dump(exclude_none=True)
        kept = getattr(resolved, "mask" if part is job.mask else "parameters").model_dump()
        assert {name: kept[name] for name in said} == said
    assert (resolved.seed, resolved.classes, resolved.dataset) == (job.seed, job.classes, "d")
    assert resolved.batch_particles == (job.batch_particles or resolved.batch_particles)
    # The last shell before Nyquist is the finest; a start beyond the limit begins at the limit.
    finest = data.box * data.voxel_size_angstrom / (data.box / 2 - 1)
    limit = job.resolution.limit_angstrom
    if limit is not None:
        assert resolved.resolution.limit_angstrom == pytest.approx(max(limit, finest))


@given(st.floats(0.5, 20.0))
def test_lengths_scale_with_the_voxel_and_counts_do_not(voxel):
    one, other = resolve(spec(), summary(voxel=1.0)), resolve(spec(), summary(voxel=voxel))
    for part, name in (
        ("resolution", "start_angstrom"),
        ("resolution", "limit_angstrom"),
        ("mask", "diameter_angstrom"),
        ("parameters", "shift_range_angstrom"),
    ):
        length = getattr(getattr(one, part), name)
        assert getattr(getattr(other, part), name) == pytest.approx(voxel * length)
    assert other.parameters.bandwidth == one.parameters.bandwidth


@given(jobs())
def test_json_and_back(both):
    job, data = both
    for one in (job, resolve(job, data)):
        text = job_spec_adapter.dump_json(one)
        assert job_spec_adapter.validate_json(text) == one
        assert job_spec_adapter.validate_python(json.loads(text)) == one
    assert DatasetSummary.model_validate_json(data.model_dump_json()) == data


def test_more_work_makes_smaller_batches():
    sizes = [resolve(spec(classes=k), summary(10**6, 128)).batch_particles for k in (1, 4, 32)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] >= 16
    assert seconds_per_particle(spec(), 20.0, 9) > seconds_per_particle(spec(), 10.0, 9) > 0


def test_workers_share_a_job_but_not_a_handful_of_particles():
    batches = [
        -(-particles // resolve(spec(), summary(particles, 64)).batch_particles)
        for particles in (50, 500, 10_000, 10**6)
    ]
    assert batches[:3] == [1, 1, 8]
    assert batches[3] > 8


def test_a_server_needs_no_numerics_to_read_a_job():
    numerics = "{'numpy', 'scipy', 'numba'}"
    code = f"import sys, subtomo_core.spec.job; assert not {numerics} & set(sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_faml_has_its_own_parameters():
    assert isinstance(spec("faml").parameters, FamlParameters)
    assert not isinstance(spec("fa").parameters, FamlParameters)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("c1", "C1"), ("d7", "D7"), (" C64", "C64"), ("i", "I2"), ("I1", "I1"), (["D7", "c1"], None)],
)
def test_a_symmetry_is_kept_by_its_name(given, kept):
    job = spec(classes=2, symmetry=given)
    assert job.symmetry == (kept or ("D7", "C1"))
    assert job.symmetries == ((kept, kept) if kept else ("D7", "C1"))
    assert type(job).model_validate_json(job.model_dump_json()) == job


@pytest.mark.parametrize("name", ["", "C0", "D", "D1", "X3", "C7x", "C65", "I3", [], [3], 7, None])
def test_an_unknown_symmetry_is_refused(name):
    with pytest.raises(ValidationError, match="symmetry"):
        spec(symmetry=name)


def test_there_is_one_symmetry_for_all_classes_or_one_for_each():
    for names, fits in (("D7", True), (["D7", "C1"], True), (["D7"], False)):
        problems = check(spec(classes=2, symmetry=names), summary())
        assert pointers(problems) == ([] if fits else ["/symmetry"])


def test_a_mask_is_a_sphere_or_a_map():
    assert spec(mask={"diameter_angstrom": 100.0}).mask.kind == "sphere"
    assert spec(mask={"map": "map_1"}).mask == spec(mask={"kind": "map", "map": "map_1"}).mask
    assert resolve(spec(mask={"map": "map_1"}), summary()).mask.map == "map_1"
    with pytest.raises(ValidationError):
        spec(mask={"kind": "map", "map": "map_1", "diameter_angstrom": 100.0})
