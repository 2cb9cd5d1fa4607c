"""What of Fourier space particles lack."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from subtomo_core.spec.strict import Strict, titled

Tilt = Annotated[float, Field(ge=-90.0, le=90.0)]
_LOWEST = Field(title="Lowest tilt (°)", description="Tilt angle of the first image, as -60.")
_HIGHEST = Field(title="Highest tilt (°)", description="Tilt angle of the last image, as 60.")
_SECOND_LOWEST = Field(title="Lowest tilt about x (°)", description="Of the second series.")
_SECOND_HIGHEST = Field(title="Highest tilt about x (°)", description="Of the second series.")


def _ordered(low: float, high: float, names: str) -> None:
    if not low < high:
        raise ValueError(
            f"the tilt range is upside down: {names} must rise, got {low:g} to {high:g} degrees"
        )


class Wedge(Strict):
    """Single-axis tilt series: observed between two tilt angles about ``axis``, beam along z."""

    model_config = titled("a wedge: tilts about one axis")

    kind: Literal["wedge"] = "wedge"
    tilt_min_deg: Annotated[Tilt, _LOWEST]
    tilt_max_deg: Annotated[Tilt, _HIGHEST]
    axis: Annotated[
        Literal["x", "y"],
        Field(title="Tilt axis", description="Axis of the volumes about which was tilted."),
    ] = "y"

    @model_validator(mode="after")
    def _rising(self) -> Wedge:
        _ordered(self.tilt_min_deg, self.tilt_max_deg, "tilt_min_deg and tilt_max_deg")
        return self


class Pyramid(Strict):
    """Dual-axis tilt series: the union of a wedge about y and one about x."""

    model_config = titled("a pyramid: dual-axis series, about y and about x")

    kind: Literal["pyramid"] = "pyramid"
    tilt_min_deg: Annotated[Tilt, _LOWEST]
    tilt_max_deg: Annotated[Tilt, _HIGHEST]
    second_tilt_min_deg: Annotated[Tilt, _SECOND_LOWEST]
    second_tilt_max_deg: Annotated[Tilt, _SECOND_HIGHEST]

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

    model_config = titled("a cone: conical tilt")

    kind: Literal["cone"] = "cone"
    half_angle_deg: Annotated[
        float,
        Field(
            gt=0.0,
            lt=90.0,
            title="Half angle of the cone (°)",
            description="90° less the tilt of the stage.",
        ),
    ]


class Complete(Strict):
    """Nothing is missing."""

    model_config = titled("nothing is missing")

    kind: Literal["none"] = "none"


class Weights(Strict):
    """Weights per Fourier component come with each particle (``rlnCtfImage``)."""

    model_config = titled("weights with each particle, or stacks of tilt images")

    kind: Literal["weights"] = "weights"


Formula = Annotated[Wedge | Pyramid | Cone | Complete, Field(discriminator="kind")]
Label = Annotated[str, Field(min_length=1, max_length=1000)]
By = Literal["tomogram", "optics_group"]
FoundBy = By | Literal["row"]


class ByName(Strict):
    """A region for each tomogram or optics group, by its name in the particles' table."""

    model_config = titled("tilt ranges by tomogram or optics group")

    kind: Literal["by_name"] = "by_name"
    by: By = "tomogram"
    regions: Annotated[dict[Label, Formula], Field(min_length=1, max_length=10_000)]


class FromTable(Strict):
    """The particles' table tells the region in each row, as a Dynamo table does (``ftype``)."""

    model_config = titled("as the rows of a Dynamo table tell")

    kind: Literal["table"] = "table"


class Part(Strict):
    """A region, how many particles lie behind it, and the tomograms or groups they are of."""

    region: Formula
    particles: Annotated[int, Field(ge=1)]
    names: tuple[str, ...] = ()


class Each(Strict):
    """Particles differ in their regions, or in how their boxes lie behind one.

    Only a dataset that was checked has it. ``turned`` counts the boxes that were cut out turned,
    behind a region that is turned with each of them.
    """

    kind: Literal["each"] = "each"
    by: FoundBy | None = None
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    turned: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _not_one_for_all(self) -> Each:
        if len(self.parts) == 1 and not self.turned:
            raise ValueError("one region for all particles is told as itself, not as 'each'")
        return self


def in_present_words(region: Any) -> Any:
    """A region as documents have it; ``weights`` were called ``mask`` in earlier ones."""
    if isinstance(region, dict) and region.get("kind") == "mask":
        return {**region, "kind": "weights"}
    return region


_Stated = Annotated[
    Wedge | Pyramid | Cone | Complete | Weights | ByName | FromTable, Field(discriminator="kind")
]
_Found = Annotated[Wedge | Pyramid | Cone | Complete | Weights | Each, Field(discriminator="kind")]
MissingRegion = Annotated[_Stated, BeforeValidator(in_present_words)]
FoundRegion = Annotated[_Found, BeforeValidator(in_present_words)]
