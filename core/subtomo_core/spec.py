"""Job specifications: the API's request body, the stored record and the method's argument.

Written once, here. This module imports no numerics, so that a server starts fast.
Lengths are in ångström and angles in degrees, as everywhere at the edges.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from subtomo_core.errors import InputError, Problem


class Strict(BaseModel):
    """A frozen record which refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# ---------------------------------------------------------------- missing regions

Tilt = Annotated[float, Field(ge=-90.0, le=90.0)]


def _ordered(low: float, high: float, names: str) -> None:
    if not low < high:
        raise ValueError(
            f"the tilt range is upside down: {names} must rise, got {low:g} to {high:g} degrees"
        )


class Wedge(Strict):
    """Single-axis tilt series: observed between two tilt angles about ``axis``, beam along z."""

    kind: Literal["wedge"] = "wedge"
    tilt_min_deg: Tilt
    tilt_max_deg: Tilt
    axis: Literal["x", "y"] = "y"

    @model_validator(mode="after")
    def _rising(self) -> Wedge:
        _ordered(self.tilt_min_deg, self.tilt_max_deg, "tilt_min_deg and tilt_max_deg")
        return self


class Pyramid(Strict):
    """Dual-axis tilt series: the union of a wedge about y and one about x."""

    kind: Literal["pyramid"] = "pyramid"
    tilt_min_deg: Tilt
    tilt_max_deg: Tilt
    second_tilt_min_deg: Tilt
    second_tilt_max_deg: Tilt

    @model_validator(mode="after")
    def _rising(self) -> Pyramid:
        _ordered(self.tilt_min_deg, self.tilt_max_deg, "tilt_min_deg and tilt_max_deg")
        _ordered(
            self.second_tilt_min_deg,
            self.second_tilt_max_deg,
            "second_tilt_min_deg and second_tilt_max_deg",
        )
        return self


class Cone(Strict):
    """Conical tilt: missing where the angle to the beam is below ``half_angle_deg``."""

    kind: Literal["cone"] = "cone"
    half_angle_deg: Annotated[float, Field(gt=0.0, lt=90.0)]


class Complete(Strict):
    """Nothing is missing."""

    kind: Literal["none"] = "none"


class Weights(Strict):
    """Weights per Fourier component come with each particle (``rlnCtfImage``)."""

    kind: Literal["mask"] = "mask"


MissingRegion = Annotated[Wedge | Pyramid | Cone | Complete | Weights, Field(discriminator="kind")]


class DatasetSummary(Strict):
    """What a job needs to know of a dataset before it reads a particle."""

    particles: Annotated[int, Field(ge=1)]
    box: Annotated[int, Field(ge=8, le=512)]
    voxel_size_angstrom: Annotated[float, Field(gt=0.0)]
    missing: MissingRegion
    dark_particles: bool = False


# ---------------------------------------------------------------- parts of a job


class RandomStart(Strict):
    """Random classes and uniformly random orientations: no hint of any structure."""

    kind: Literal["random"] = "random"


class MapStart(Strict):
    """Uploaded maps as first references, low-passed; one map for each class, or one for all."""

    kind: Literal["maps"] = "maps"
    maps: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    low_pass_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class JobStart(Strict):
    """The classes of an earlier job as first references, low-passed."""

    kind: Literal["job"] = "job"
    job: str
    iteration: Annotated[int | None, Field(ge=0)] = None
    low_pass_angstrom: Annotated[float | None, Field(gt=0.0)] = None


Start = Annotated[RandomStart | MapStart | JobStart, Field(discriminator="kind")]


class Mask(Strict):
    """Soft spherical mask on the references. Default: 0.8 of the box."""

    diameter_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class Resolution(Strict):
    """Coarse to fine: the references' low-pass starts here and grows to the limit.

    Defaults: 8 Fourier shells for the start and 0.8 of Nyquist for the limit.
    """

    start_angstrom: Annotated[float | None, Field(gt=0.0)] = None
    limit_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class MatchingParameters(Strict):
    """How candidate poses are found (method: *Fast alignment*)."""

    candidates: Annotated[int, Field(ge=1, le=1000)] = 50
    generators: Literal["magnitude", "phase", "both"] = "both"
    bandwidth: Annotated[int | None, Field(ge=4, le=128)] = None
    shift_range_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class FaParameters(MatchingParameters):
    """Parameters of fast alignment with hard assignment."""


class FamlParameters(MatchingParameters):
    """Parameters of fast alignment with maximum likelihood."""

    voronoi_points: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    noise: Literal["white", "shells"] | None = None
    regularisation: Annotated[float, Field(ge=0.0)] = 5.0
    regularisation_iterations: Annotated[int, Field(ge=0)] = 5


class JobBase(Strict):
    """What every job has."""

    name: Annotated[str, Field(max_length=200)] = ""
    dataset: str
    classes: Annotated[int, Field(ge=1, le=64)] = 1
    iterations: Annotated[int, Field(ge=1, le=500)] = 20
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    start: Start = RandomStart()
    symmetry: Literal["C1"] = "C1"
    half_sets: Literal[False] = False
    mask: Mask = Mask()
    resolution: Resolution = Resolution()
    batch_particles: Annotated[int | None, Field(ge=1)] = None


class FamlSpec(JobBase):
    """Fast alignment with maximum likelihood (Zhao et al. 2018)."""

    algorithm: Literal["faml"]
    parameters: FamlParameters = FamlParameters()


class FaSpec(JobBase):
    """Fast alignment with hard assignment (Xu et al. 2012)."""

    algorithm: Literal["fa"]
    parameters: FaParameters = FaParameters()


def _lower_algorithm(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("algorithm"), str):
        return {**value, "algorithm": value["algorithm"].lower()}
    return value


JobSpec = Annotated[
    Annotated[FamlSpec | FaSpec, Field(discriminator="algorithm")],
    BeforeValidator(_lower_algorithm),
]

job_spec_adapter: TypeAdapter[FamlSpec | FaSpec] = TypeAdapter(JobSpec)


# ---------------------------------------------------------------- defaults from physics


def shell_of(resolution_angstrom: float, summary: DatasetSummary) -> float:
    """Fourier radius in pixels of a resolution: ``n * voxel / resolution``."""
    return summary.box * summary.voxel_size_angstrom / resolution_angstrom


def check(spec: FamlSpec | FaSpec, summary: DatasetSummary) -> list[Problem]:
    """Everything in ``spec`` which does not fit the dataset; empty when all fits."""
    problems = []
    nyquist = 2.0 * summary.voxel_size_angstrom
    extent = summary.box * summary.voxel_size_angstrom
    if spec.classes > summary.particles:
        problems.append(
            Problem(
                f"{spec.classes} classes cannot be made of {summary.particles} particles: "
                "ask for fewer classes",
                pointer="/classes",
            )
        )
    if isinstance(spec.start, MapStart) and len(spec.start.maps) not in (1, spec.classes):
        problems.append(
            Problem(
                f"{len(spec.start.maps)} starting maps for {spec.classes} classes: "
                "give one map, or one for each class",
                pointer="/start/maps",
            )
        )
    diameter = spec.mask.diameter_angstrom
    if diameter is not None and not 4 * summary.voxel_size_angstrom <= diameter <= extent:
        problems.append(
            Problem(
                f"a mask of {diameter:g} Å does not fit a box of {extent:g} Å: "
                f"choose between {4 * summary.voxel_size_angstrom:g} and {extent:g} Å",
                pointer="/mask/diameter_angstrom",
            )
        )
    start, limit = spec.resolution.start_angstrom, spec.resolution.limit_angstrom
    for field, value in (("start_angstrom", start), ("limit_angstrom", limit)):
        if value is not None and not nyquist <= value <= extent / 2:
            problems.append(
                Problem(
                    f"a resolution of {value:g} Å is outside what this dataset holds: "
                    f"choose between {nyquist:g} Å (two voxels) and {extent / 2:g} Å",
                    pointer=f"/resolution/{field}",
                )
            )
    if start is not None and limit is not None and start < limit:
        problems.append(
            Problem(
                f"the start resolution ({start:g} Å) is finer than the limit ({limit:g} Å): "
                "the resolution grows from start to limit",
                pointer="/resolution/start_angstrom",
            )
        )
    return problems


def resolve(spec: FamlSpec | FaSpec, summary: DatasetSummary) -> FamlSpec | FaSpec:
    """Fill every open field of ``spec`` with its default from the dataset's physics.

    Raises
    ------
    InputError
        If the specification does not fit the dataset.
    """
    problems = check(spec, summary)
    if problems:
        raise InputError(*problems)
    extent = summary.box * summary.voxel_size_angstrom
    top = summary.box / 2 - 1
    limit_shell = min(
        shell_of(spec.resolution.limit_angstrom, summary)
        if spec.resolution.limit_angstrom
        else 0.4 * summary.box,
        top,
    )
    start_shell = min(
        shell_of(spec.resolution.start_angstrom, summary)
        if spec.resolution.start_angstrom
        else 8.0,
        limit_shell,
    )
    changes: dict[str, Any] = {
        "resolution": Resolution(
            start_angstrom=extent / start_shell, limit_angstrom=extent / limit_shell
        ),
        "mask": Mask(diameter_angstrom=spec.mask.diameter_angstrom or 0.8 * extent),
        "parameters": spec.parameters.model_copy(
            update=_parameter_defaults(spec, summary, limit_shell)
        ),
        "batch_particles": spec.batch_particles or _batch_particles(spec, limit_shell),
    }
    if isinstance(spec.start, MapStart | JobStart) and spec.start.low_pass_angstrom is None:
        changes["start"] = spec.start.model_copy(update={"low_pass_angstrom": extent / start_shell})
    return spec.model_copy(update=changes)


def _parameter_defaults(
    spec: FamlSpec | FaSpec, summary: DatasetSummary, limit_shell: float
) -> dict[str, Any]:
    parameters = spec.parameters
    defaults: dict[str, Any] = {
        "bandwidth": parameters.bandwidth or min(24, max(8, 2 * math.ceil(limit_shell / 2))),
        "shift_range_angstrom": parameters.shift_range_angstrom
        or max(6.0, 0.1 * summary.box) * summary.voxel_size_angstrom,
    }
    if isinstance(parameters, FamlParameters):
        weighted = isinstance(summary.missing, Weights)
        defaults["noise"] = parameters.noise or ("shells" if weighted else "white")
    return defaults


def seconds_per_particle(spec: FamlSpec | FaSpec, limit_shell: float) -> float:
    """Rough CPU seconds which one particle costs in one iteration (see docs/benchmarks.md)."""
    per_class = 0.004 + spec.parameters.candidates * 6e-4 * (limit_shell / 20.0) ** 3
    return spec.classes * per_class + 0.002 * (limit_shell / 20.0) ** 3


def _batch_particles(spec: FamlSpec | FaSpec, limit_shell: float) -> int:
    """Particles in a batch of about 30 seconds on four cores."""
    return max(16, round(120.0 / seconds_per_particle(spec, limit_shell)))
