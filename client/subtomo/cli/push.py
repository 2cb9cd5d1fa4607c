"""``subtomo push``: particles to the server, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from subtomo.cli.find import find_dataset
from subtomo.cli.output import connect, errors, plainly, print_json, screen
from subtomo.client import Client
from subtomo.errors import ConnectionFailed, InvalidInput
from subtomo.records import Dataset
from subtomo.transfer import outgoing


@plainly
def push(
    context: typer.Context,
    particles: Annotated[
        Path,
        typer.Argument(help="The particles' STAR file or Dynamo table, or a folder of volumes."),
    ],
    *,
    name: Annotated[str | None, typer.Option(help="A name; the file's by default.")] = None,
    tilt: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Lowest and highest tilt angle in degrees."),
    ] = None,
    tilt_axis: Annotated[
        Literal["x", "y"] | None, typer.Option(help="What --tilt turns about. [default: y]")
    ] = None,
    second_tilt: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Of a dual-axis series: tilt angles about x, beside --tilt about y."),
    ] = None,
    cone: Annotated[
        float | None,
        typer.Option(help="Of a conical series: half angle of the missing cone, degrees."),
    ] = None,
    missing_from_weights: Annotated[
        bool, typer.Option(help="The STAR names a weight volume for each particle (rlnCtfImage).")
    ] = False,
    nothing_missing: Annotated[
        bool, typer.Option(help="All of Fourier space was observed.")
    ] = False,
    voxel_size: Annotated[
        float | None, typer.Option(help="Ångström per voxel; read from the files by default.")
    ] = None,
    dark: Annotated[bool, typer.Option(help="Protein is dark in the volumes.")] = False,
    into: Annotated[
        str | None, typer.Option(help="Go on with an upload into this open dataset.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the dataset as JSON.")] = False,
) -> None:
    """Upload particles, have them checked, and print the dataset's id."""
    outgoing(particles)  # before a dataset is made: everything named must be there
    with connect(context) as client:
        if into:
            dataset = find_dataset(client, into)
        else:
            kinds = _Missing(tilt, cone, missing_from_weights, nothing_missing)
            region = kinds.region(tilt_axis, second_tilt)
            title = name or particles.resolve().stem
            dataset = client.create_dataset(title, missing=region, voxel_size=voxel_size, dark=dark)
        _upload(client, dataset, particles)
        dataset = client.seal(dataset)
    if as_json:
        print_json(dataset)
        return
    screen().print(
        f"{dataset.id}  {dataset.name}: {dataset.particles} particles, box {dataset.box}, "
        f"{dataset.voxel_size_angstrom:g} Å per voxel",
        markup=False,
    )
    for remark in dataset.remarks:
        screen().print(remark, markup=False)


class _Missing(NamedTuple):
    """What was said of the missing region: one of these."""

    tilt: tuple[float, float] | None
    cone: float | None
    from_weights: bool
    nothing: bool

    def region(
        self, axis: Literal["x", "y"] | None, second: tuple[float, float] | None
    ) -> dict[str, Any]:
        """The region as the service takes it."""
        said = (self.tilt is not None, self.cone is not None, self.from_weights, self.nothing)
        if sum(said) != 1:
            raise InvalidInput(
                "Say which part of Fourier space is missing, by one of: --tilt LOWEST HIGHEST "
                "(such as --tilt -60 60), --cone HALF_ANGLE, --missing-from-weights (the STAR "
                "names weight volumes), --nothing-missing."
            )
        if self.tilt is None and (axis or second):
            raise InvalidInput("--tilt-axis and --second-tilt go with --tilt LOWEST HIGHEST.")
        if axis and second:
            raise InvalidInput(
                "A dual-axis series is tilted about y (--tilt) and x (--second-tilt): leave "
                "--tilt-axis out."
            )
        if self.cone is not None:
            return {"kind": "cone", "half_angle_deg": self.cone}
        if self.tilt is None:
            return {"kind": "mask" if self.from_weights else "none"}
        first = {"tilt_min_deg": self.tilt[0], "tilt_max_deg": self.tilt[1]}
        if second is None:
            return {"kind": "wedge", **first, **({"axis": axis} if axis else {})}
        other = {"second_tilt_min_deg": second[0], "second_tilt_max_deg": second[1]}
        return {"kind": "pyramid", **first, **other}


def _upload(client: Client, dataset: Dataset, particles: Path) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    try:
        console = errors()
        with Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress:
            bar = progress.add_task("uploading", total=None)
            uploaded = client.upload(
                dataset,
                particles,
                on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            )
    except ConnectionFailed as error:
        raise ConnectionFailed(
            f"{error} What arrived is kept: go on with "
            f"'subtomo push {particles} --into {dataset.id}'."
        ) from error
    for remark in uploaded.remarks:
        errors().print(remark, markup=False)
