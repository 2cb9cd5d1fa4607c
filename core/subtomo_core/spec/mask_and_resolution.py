"""Parts of a specification: the mask on the references, and how finely particles are compared."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from subtomo_core.spec.strict import Strict

START_SHELL = 8.0  # where a search begins unless told


class Mask(Strict):
    """Soft spherical mask on the references. Default: 0.8 of the box, and drawn in.

    With ``fit`` the mask of every iteration is drawn in to what the half maps agree on, to a
    sphere about it and to its shape, and the diameter is the most it may have. Default: where no
    diameter is given.

    With ``particles`` the particles are searched under it too, for molecules with near
    neighbours, as in a cell: under the whole diameter. They are still averaged whole. Default:
    where they bring weights, and densities around them make much of the noise.
    """

    kind: Literal["sphere"] = "sphere"
    diameter_angstrom: Annotated[float | None, Field(gt=0.0)] = None
    fit: bool | None = None
    particles: bool | None = None


class MapMask(Strict):
    """An uploaded map as the mask on the references: values from 0 to 1, in their frame.

    ``particles`` as in `Mask`.
    """

    kind: Literal["map"] = "map"
    map: str
    particles: bool | None = None


def _sphere_unless_told(value: Any) -> Any:
    if isinstance(value, dict) and "kind" not in value:
        return {"kind": "map" if "map" in value else "sphere", **value}
    return value


AnyMask = Annotated[
    Annotated[Mask | MapMask, Field(discriminator="kind")], BeforeValidator(_sphere_unless_told)
]


class Resolution(Strict):
    """Coarse to fine: the references' low-pass starts here and grows to the limit.

    Defaults: 8 Fourier shells for the start and 0.8 of Nyquist for the limit.
    ``shared_angstrom`` belongs to half sets: what is coarser, the references of both halves
    share, so that they stay in one frame. Default: 40 Å or five Fourier shells, whichever is
    finer, but nothing finer than the start.
    ``growth_shells`` is the most by which the resolution in use grows in one iteration, Fourier
    shells. Default: so many that half of the iterations reach the limit, from 1 to 2.
    """

    start_angstrom: Annotated[float | None, Field(gt=0.0)] = None
    limit_angstrom: Annotated[float | None, Field(gt=0.0)] = None
    shared_angstrom: Annotated[float | None, Field(gt=0.0)] = None
    growth_shells: Annotated[float | None, Field(gt=0.0, le=4.0)] = None


class SingleResolution(Resolution):
    """How finely particles are compared: one resolution from the first iteration to the last.

    Defaults: half of Nyquist for pairs, beyond which two single particles share little but
    noise; 0.8 of Nyquist for references.
    """

    start_angstrom: None = None
    shared_angstrom: None = None
    growth_shells: None = None
