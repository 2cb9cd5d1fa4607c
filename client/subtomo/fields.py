"""Fields of a job's specification by their types, so that a type checker sees a misspelt one.

The server says what each field is (``/docs`` of a running service, and the form of a new job),
fills in the defaults, and refuses what does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from subtomo.records import Dataset

Algorithm = Literal["faml", "fa", "ml", "cc", "sag", "gradient", "frm", "pairwise"]


class StartFields(TypedDict, total=False):
    """Where a job starts from."""

    kind: Literal["random", "particles", "maps", "job", "poses"]
    rounds: int
    maps: Sequence[str]
    job: str | None
    iteration: int | None
    random_classes: bool
    low_pass_angstrom: float | None


class MaskFields(TypedDict, total=False):
    """The mask on the references."""

    kind: Literal["sphere", "map"]
    diameter_angstrom: float | None
    fit: bool | None
    particles: bool | None
    map: str


class ResolutionFields(TypedDict, total=False):
    """How finely particles are compared."""

    start_angstrom: float | None
    limit_angstrom: float | None
    shared_angstrom: float | None
    growth_shells: float | None


class ParameterFields(TypedDict, total=False):
    """Parameters of all algorithms; each takes those that it has."""

    shift_range_angstrom: float | None
    candidates: int
    generators: Literal["magnitude", "phase", "both"]
    bandwidth: int | None
    search_range_deg: float | None
    search_range_angstrom: float | None
    poses: Literal["searched", "fixed"]
    voronoi_points: int
    noise: Literal["white", "shells"] | None
    sigma: float | None
    temperature: float
    junk: float
    regularisation: float
    regularisation_iterations: int
    regroup: bool
    peaks: int
    starts_from: Literal["matching", "grid"]
    grid_deg: float
    about_normal: bool
    score: Literal["rcs", "fcs"]
    slices: float
    step_deg: float
    grid: Literal["turned", "fixed"]
    threshold: float
    masked: bool
    averaging: Literal["fill", "weighted"]
    sweeps: int
    pruning: float | None
    linkage: Literal["average", "complete", "ward"]


class JobFields(TypedDict, total=False):
    """What `Client.submit` takes by name."""

    name: str
    dataset: str | Dataset
    algorithm: Algorithm
    classes: int
    iterations: int
    seed: int
    start: StartFields
    starts: int | None
    trial_iterations: int | None
    stop_when_converged: bool
    symmetry: str | Sequence[str]
    half_sets: bool
    whole_tomograms: bool
    mask: MaskFields
    resolution: ResolutionFields
    batch_particles: int | None
    parameters: ParameterFields
    priority: int | None
    queue: Literal["cpu", "preview"]
    webhook: str | None
    group: str | None
