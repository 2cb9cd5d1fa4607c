"""Job specifications: the API's request body, the stored record and the method's argument.

Written once, here. This module imports no numerics, so that a server starts fast.
Lengths are in ångström and angles in degrees, as everywhere at the edges.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from subtomo_core.spec.exhaustive import CcSpec, MlSpec
from subtomo_core.spec.job_base import HalfSets, JobBase
from subtomo_core.spec.pairwise import PairwiseSpec
from subtomo_core.spec.parameters import (
    FamlParameters,
    FaParameters,
    FrmParameters,
    GradientParameters,
    SagParameters,
)
from subtomo_core.spec.strict import titled


class FamlSpec(JobBase):
    """Fast alignment with maximum likelihood (Zhao et al. 2018)."""

    model_config = titled("FAML: maximum likelihood")

    algorithm: Literal["faml"]
    parameters: FamlParameters = FamlParameters()


class FaSpec(JobBase):
    """Fast alignment with hard assignment (Xu et al. 2012)."""

    model_config = titled("FA: hard assignment")

    algorithm: Literal["fa"]
    parameters: FaParameters = FaParameters()


class RefinementBase(JobBase):
    """Refinement to references, hard assignment, and gold-standard halves unless told otherwise."""

    half_sets: HalfSets = True


class FrmSpec(RefinementBase):
    """Iterated rotational and translational matching (Chen et al. 2013)."""

    model_config = titled("FRM: iterated rotational matching")

    algorithm: Literal["frm"]
    parameters: FrmParameters = FrmParameters()


class SagSpec(RefinementBase):
    """Pose refinement by the stochastic average gradient (Lü et al. 2019)."""

    model_config = titled("SAG: refinement by averaged gradients")

    algorithm: Literal["sag"]
    parameters: SagParameters = SagParameters()


class GradientSpec(RefinementBase):
    """Gradient-guided pose refinement (Xu & Alber 2012)."""

    model_config = titled("Gradient: refinement by Levenberg-Marquardt")

    algorithm: Literal["gradient"]
    parameters: GradientParameters = GradientParameters()


AnySpec = FamlSpec | FaSpec | MlSpec | CcSpec | FrmSpec | SagSpec | GradientSpec | PairwiseSpec


def _lower_algorithm(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("algorithm"), str):
        return {**value, "algorithm": value["algorithm"].lower()}
    return value


JobSpec = Annotated[
    Annotated[AnySpec, Field(discriminator="algorithm")], BeforeValidator(_lower_algorithm)
]

job_spec_adapter: TypeAdapter[AnySpec] = TypeAdapter(JobSpec)
