"""What commands are told of the part of Fourier space which particles lack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from subtomo.errors import InvalidInput
from subtomo.star import names_weights
from subtomo.tilt_table import region_of_table

Range = tuple[float, float]

Tilt = Annotated[Range | None, typer.Option(help="Lowest and highest tilt angle in degrees.")]
TiltAxis = Annotated[
    Literal["x", "y"] | None, typer.Option(help="What --tilt turns about. [default: y]")
]
SecondTilt = Annotated[
    Range | None,
    typer.Option(help="Of a dual-axis series: tilt angles about x, beside --tilt about y."),
]
Cone = Annotated[
    float | None,
    typer.Option(help="Of a conical series: half angle of the missing cone, degrees."),
]
FromWeights = Annotated[
    bool, typer.Option(help="The STAR names a weight volume for each particle (rlnCtfImage).")
]
LeaveWeightsOut = Annotated[
    bool,
    typer.Option(
        "--leave-weights-out",
        help="Go without the weights that the STAR names, with another missing region.",
    ),
]
TiltTable = Annotated[
    Path | None,
    typer.Option(
        help="A text file of tilt ranges: 'tomogram tilt_min_deg tilt_max_deg' (or optics_group), "
        "then a line for each."
    ),
]
FromTable = Annotated[
    bool,
    typer.Option(help="The Dynamo table tells the tilts of each row (ftype, ymintilt, ymaxtilt)."),
]
NothingMissing = Annotated[bool, typer.Option(help="All of Fourier space was observed.")]


class Missing(NamedTuple):
    """What was said of the missing region: one thing, axis and second with tilt."""

    tilt: Range | None
    cone: float | None
    from_weights: bool
    nothing: bool
    axis: Literal["x", "y"] | None = None
    second: Range | None = None
    tilt_table: Path | None = None
    from_table: bool = False

    @property
    def said(self) -> bool:
        """Whether anything was said."""
        return any(value is not None and value is not False for value in self)

    def region(self) -> dict[str, Any]:
        """The region as the service takes it.

        Raises
        ------
        InvalidInput
            If nothing was said, or more than fits together.
        """
        alone = self._replace(axis=None, second=None)
        if sum(value is not None and value is not False for value in alone) != 1:
            raise InvalidInput(
                "Say which part of Fourier space is missing, by one of: --tilt LOWEST HIGHEST "
                "(such as --tilt -60 60), --tilt-table FILE (a range for each tomogram), --cone "
                "HALF_ANGLE, --missing-from-weights (the STAR names weight volumes), "
                "--missing-from-table (a Dynamo table tells tilts), --nothing-missing."
            )
        if self.tilt is None and (self.axis or self.second):
            raise InvalidInput("--tilt-axis and --second-tilt go with --tilt LOWEST HIGHEST.")
        if self.axis and self.second:
            raise InvalidInput(
                "A dual-axis series is tilted about y (--tilt) and x (--second-tilt): leave "
                "--tilt-axis out."
            )
        if self.tilt_table is not None:
            return region_of_table(self.tilt_table)
        if self.cone is not None:
            return {"kind": "cone", "half_angle_deg": self.cone}
        if self.tilt is None:
            named = {"weights": self.from_weights, "table": self.from_table, "none": self.nothing}
            return {"kind": next(kind for kind, is_it in named.items() if is_it)}
        first = {"tilt_min_deg": self.tilt[0], "tilt_max_deg": self.tilt[1]}
        if self.second is None:
            return {"kind": "wedge", **first, **({"axis": self.axis} if self.axis else {})}
        low, high = self.second
        return {
            "kind": "pyramid",
            **first,
            "second_tilt_min_deg": low,
            "second_tilt_max_deg": high,
        }


def check_weights(table: Path, region: dict[str, Any], *, leave_out: bool) -> None:
    """See that weights which a STAR file names are used, or left out on purpose.

    Raises
    ------
    InvalidInput
        If it names weights and neither was said, or both were.
    """
    if region["kind"] == "weights":
        if leave_out:
            raise InvalidInput(
                "--leave-weights-out and --missing-from-weights exclude each other: give one."
            )
        return
    if not leave_out and names_weights(table):
        raise InvalidInput(
            f"{table.name} names weights of its particles (rlnCtfImage), which tell more than any "
            "other missing region: give --missing-from-weights in its place, or "
            "--leave-weights-out beside it to go without them."
        )
