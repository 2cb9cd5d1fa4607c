"""``subtomo run``: a job from the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from subtomo.cli.again import Sweep, shown
from subtomo.cli.find import find_dataset, find_job, map_id
from subtomo.cli.output import connect, plainly
from subtomo.cli.settings import assign, said_of, swept
from subtomo.client import Client
from subtomo.errors import InvalidInput


@plainly
def run(
    context: typer.Context,
    algorithm: Annotated[
        str, typer.Argument(help="faml, fa, ml, cc, sag, gradient, frm or pairwise.")
    ],
    dataset: Annotated[str, typer.Argument(help="A dataset's id or name, or 'last'.")],
    *,
    classes: Annotated[int, typer.Option("--classes", "-K", help="Number of classes.")] = 1,
    iterations: Annotated[
        int | None, typer.Option("--iterations", "-i", help="Number of iterations.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name for the job.")] = None,
    start: Annotated[
        list[str] | None,
        typer.Option(
            help="First reference: an MRC or EM file, the id of an uploaded map, or an earlier "
            "job's id. Once for all classes, or once for each. 'particles': single particles, "
            "where random orientations lead to no frame. Random without it."
        ),
    ] = None,
    poses: Annotated[
        str | None,
        typer.Option(
            help="Start from known poses: 'own' for those of the particles' own table, or an "
            "earlier job on the dataset by its id or name, or 'last'."
        ),
    ] = None,
    search_range: Annotated[
        float | None,
        typer.Option(help="With --poses: how far a particle may turn in an iteration, in degrees."),
    ] = None,
    low_pass: Annotated[
        float | None, typer.Option(help="Low-pass the first references to this, in Å.")
    ] = None,
    starts: Annotated[
        int | None,
        typer.Option(help="Starts which run side by side; the likeliest alone goes on."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    mask_diameter: Annotated[
        float | None, typer.Option(help="Diameter of the spherical mask, in Å.")
    ] = None,
    half_sets: Annotated[
        bool,
        typer.Option("--half-sets", help="Keep two halves apart, for a gold-standard resolution."),
    ] = False,
    whole_tomograms: Annotated[
        bool,
        typer.Option("--whole-tomograms", help="With half sets: each tomogram in one half."),
    ] = False,
    mask: Annotated[
        str | None,
        typer.Option(
            help="Mask on the references: an MRC or EM file with values from 0 to 1, or the id "
            "of a map on the server, such as 'subtomo mask' makes."
        ),
    ] = None,
    map_voxel_size: Annotated[
        float | None,
        typer.Option(help="Å per voxel of --start and --mask files, which EM files do not tell."),
    ] = None,
    symmetry: Annotated[
        list[str] | None,
        typer.Option(
            help="Point group: C1, C7, D7, T, O, I ... Once for all classes, or once for each."
        ),
    ] = None,
    priority: Annotated[
        int | None, typer.Option(help="0 to 100; jobs of higher priority run first.")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="'preview': small jobs, which start next to long ones.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(help="HTTPS address which is told when the job ends.")
    ] = None,
    sweep: Sweep = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other field, such as parameters.candidates=40."),
    ] = None,
    watching: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Follow the job to its end.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the job as JSON.")] = False,
) -> None:
    """Start a job on a dataset and follow it."""
    if poses and start:
        raise InvalidInput("--start and --poses exclude each other: give one of them.")
    if mask is not None and mask_diameter is not None:
        raise InvalidInput("--mask and --mask-diameter exclude each other: give one of them.")
    given = {
        "algorithm": algorithm,
        "classes": classes,
        "iterations": iterations,
        "name": name,
        "starts": starts,
        "seed": seed,
        "symmetry": symmetry[0] if symmetry and len(symmetry) == 1 else symmetry or None,
        "mask": mask_diameter and {"diameter_angstrom": mask_diameter},
        "half_sets": half_sets or None,
        "whole_tomograms": whole_tomograms or None,
        "parameters": search_range and {"search_range_deg": search_range},
        "priority": priority,
        "queue": queue,
        "webhook": webhook,
    }
    spec: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    for setting in settings or ():
        assign(spec, setting)
    with connect(context) as client:
        spec["dataset"] = find_dataset(client, dataset).id
        if poses:
            spec["start"] = _poses(client, poses) | said_of(spec, "start")
        if start:
            said = said_of(spec, "start")
            spec["start"] = _start(client, start, low_pass, map_voxel_size) | said
        elif low_pass is not None:
            raise InvalidInput("--low-pass is for references given by --start.")
        if mask is not None:
            said = said_of(spec, "mask")
            spec["mask"] = {"kind": "map", "map": map_id(client, mask, map_voxel_size)} | said
        made = client.sweep(swept(sweep), spec) if sweep else [client.submit(spec)]
        shown(client, made, watching=watching and not sweep, as_json=as_json)


def _poses(client: Client, poses: str) -> dict[str, Any]:
    if poses == "own":
        return {"kind": "poses"}
    return {"kind": "poses", "job": find_job(client, poses).id}


def _start(
    client: Client, references: list[str], low_pass: float | None, voxel_size: float | None
) -> dict[str, Any]:
    if references == ["particles"]:
        if low_pass is not None:
            raise InvalidInput(
                "--low-pass is for references which are given: "
                "with --start particles leave it out, or --set resolution.start_angstrom."
            )
        return {"kind": "particles"}
    filtered = {} if low_pass is None else {"low_pass_angstrom": low_pass}
    if len(references) == 1 and references[0].startswith("job_"):
        return {"kind": "job", "job": references[0], **filtered}
    return {
        "kind": "maps",
        "maps": [map_id(client, text, voxel_size) for text in references],
        **filtered,
    }
