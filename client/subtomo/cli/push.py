"""``subtomo push``: particles to the server, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from subtomo.cli.missing import (
    Cone,
    FromTable,
    FromWeights,
    LeaveWeightsOut,
    Missing,
    NothingMissing,
    SecondTilt,
    Tilt,
    TiltAxis,
    TiltTable,
    check_weights,
)
from subtomo.cli.output import connect, errors, plainly, print_json, screen
from subtomo.client import Client
from subtomo.errors import ConnectionFailed
from subtomo.records import Dataset
from subtomo.stacks import holds_stacks
from subtomo.transfer import outgoing


@plainly
def push(
    context: typer.Context,
    particles: Annotated[
        Path,
        typer.Argument(
            help="The particles' STAR file (or optimisation set), Dynamo table or motive list, "
            "or a folder of volumes."
        ),
    ],
    *,
    tomograms: Annotated[
        Path | None,
        typer.Option(
            help="Of particles that are stacks of tilt images: RELION's tomograms.star; found "
            "beside them by default."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name; the file's by default.")] = None,
    tilt: Tilt = None,
    tilt_axis: TiltAxis = None,
    second_tilt: SecondTilt = None,
    tilt_table: TiltTable = None,
    cone: Cone = None,
    missing_from_weights: FromWeights = False,
    missing_from_table: FromTable = False,
    nothing_missing: NothingMissing = False,
    leave_weights_out: LeaveWeightsOut = False,
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
    outgoing(particles, tomograms)  # before a dataset is made: everything named must be there
    with connect(context) as client:
        if into:
            dataset = find_dataset(client, into)
        else:
            missing = Missing(
                tilt,
                cone,
                missing_from_weights,
                nothing_missing,
                tilt_axis,
                second_tilt,
                tilt_table,
                missing_from_table,
            )
            star = particles.suffix.lower() == ".star"
            stacks = star and holds_stacks(particles)
            # Images come from known directions: there is nothing to tell.
            region = {"kind": "weights"} if stacks and not missing.said else missing.region()
            if star and not stacks:
                check_weights(particles, region, leave_out=leave_weights_out)
            title = name or particles.resolve().stem
            _warn_of_namesake(client, title)
            dataset = client.create_dataset(title, missing=region, voxel_size=voxel_size, dark=dark)
        _upload(client, dataset, particles, tomograms)
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


def _warn_of_namesake(client: Client, name: str) -> None:
    """Say that a dataset has this name already: by name neither is found any more."""
    others = [other for other in client.datasets(name=name) if other.name == name]
    if others:
        errors().print(
            f"There is a dataset '{name}' already ({others[0].id}, {others[0].status}): this one "
            "is made beside it, and commands find both by their ids only. --name gives another.",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )


def _upload(client: Client, dataset: Dataset, particles: Path, tomograms: Path | None) -> None:
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
                tomograms=tomograms,
                on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            )
    except ConnectionFailed as error:
        raise ConnectionFailed(
            f"{error} What arrived is kept: go on with "
            f"'subtomo push {particles} --into {dataset.id}'."
        ) from error
    for remark in uploaded.remarks:
        errors().print(remark, markup=False)
