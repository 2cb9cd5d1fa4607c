"""What of Fourier space particles lack."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from subtomo_core.spec.strict import Strict

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
