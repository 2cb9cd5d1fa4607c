"""Parts of a specification: the mask on the references, and how finely particles are compared."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from subtomo_core.spec.references import MapId
from subtomo_core.spec.strict import Strict, titled

START_SHELL = 8.0  # where a search begins unless told


SearchedUnderIt = Annotated[
    bool | None,
    Field(
        title="Search particles under the mask",
        description="For molecules with near neighbours, as in a cell. They are still averaged "
        "whole. By default where particles bring weights and densities around them make much of "
        "the noise.",
    ),
]


class Mask(Strict):
    """Soft spherical mask on the references. Default: 0.8 of the box, and drawn in.

    With ``fit`` the mask of every iteration is drawn in to what the half maps agree on, to a
    sphere about it and to its shape, and the diameter is the most it may have. With ``particles``
    the particles are searched under it too, under the whole diameter.
    """

    model_config = titled("a sphere")

    kind: Literal["sphere"] = "sphere"
    diameter_angstrom: Annotated[
        float | None,
        Field(
            gt=0.0,
            title="Mask diameter (Å)",
            description="Of the sphere about the centre that holds the molecule.",
        ),
    ] = None
    fit: Annotated[
        bool | None,
        Field(
            title="Draw the mask in",
            description="To what the half maps agree on, in every iteration; the diameter is the "
            "most it may have. By default where no diameter is given.",
        ),
    ] = None
    particles: SearchedUnderIt = None


class MapMask(Strict):
    """An uploaded map as the mask on the references: values from 0 to 1, in their frame.

    ``particles`` as in `Mask`.
    """

    model_config = titled("an uploaded map")

    kind: Literal["map"] = "map"
    map: Annotated[
        MapId,
        Field(title="Mask map", description="Values from 0 to 1, in the frame of the references."),
    ]
    particles: SearchedUnderIt = None


def _sphere_unless_told(value: Any) -> Any:
    if isinstance(value, dict) and "kind" not in value:
        return {"kind": "map" if "map" in value else "sphere", **value}
    return value


AnyMask = Annotated[
    Annotated[Mask | MapMask, Field(discriminator="kind")], BeforeValidator(_sphere_unless_told)
]


class Resolution(Strict):
    """Coarse to fine: the references' low-pass starts at one resolution and grows to a limit."""

    start_angstrom: Annotated[
        float | None,
        Field(
            gt=0.0,
            title="Start resolution (Å)",
            description="Low-pass of the references in the beginning; 8 Fourier shells by default.",
        ),
    ] = None
    limit_angstrom: Annotated[
        float | None,
        Field(
            gt=0.0,
            title="Resolution limit (Å)",
            description="Nothing finer is compared; 0.8 of Nyquist by default, half of it for all "
            "pairs, as single particles share little but noise beyond.",
        ),
    ] = None
    shared_angstrom: Annotated[
        float | None,
        Field(
            gt=0.0,
            title="Shared by the halves down to (Å)",
            description="With half sets: what is coarser, the references of both halves share, so "
            "that they stay in one frame. By default 40 Å or five Fourier shells, whichever is "
            "finer, but nothing finer than the start.",
        ),
    ] = None
    growth_shells: Annotated[
        float | None,
        Field(
            gt=0.0,
            le=4.0,
            title="Growth in an iteration (shells)",
            description="The most by which the resolution in use grows, Fourier shells. By default "
            "so many that half of the iterations reach the limit, from 1 to 2.",
        ),
    ] = None


class SingleResolution(Resolution):
    """How finely particles are compared: one resolution from the first iteration to the last.

    Defaults: half of Nyquist for pairs, beyond which two single particles share little but
    noise; 0.8 of Nyquist for references.
    """

    start_angstrom: None = None
    shared_angstrom: None = None
    growth_shells: None = None
