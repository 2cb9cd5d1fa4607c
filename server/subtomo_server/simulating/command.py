"""The ``subtomo simulate`` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from subtomo_core.errors import InputError, Problem
from subtomo_server.plain_errors import plain_errors

Geometry = Literal["single", "dual", "conical"]
Correction = Literal["flipped", "first zero", "none"]


def simulate(
    folder: Annotated[Path, typer.Argument(help="Where to write; made anew.")],
    *,
    structure: Annotated[
        list[str],
        typer.Option(
            help="What is looked for: an atomic model (PDB or mmCIF), a map (MRC or EM), or a "
            "phantom: blob, blob:SEED, barrel, helix, complex:GROUP, shell:GROUP. Once for each."
        ),
    ],
    count: Annotated[
        list[int] | None, typer.Option(help="Particles of each structure. [default: 100]")
    ] = None,
    form: Annotated[
        Literal["direct", "images"],
        typer.Option(
            help="'direct': volumes in white noise behind a wedge. 'images': tilt series through "
            "a microscope, as sums with weights, back-projections and stacks of the same images."
        ),
    ] = "direct",
    snr: Annotated[
        float, typer.Option(help="Of a volume (direct), or of an image: see the conventions.")
    ] = 0.02,
    box: Annotated[int, typer.Option(min=8, max=256, help="Side in voxels.")] = 32,
    voxel_size: Annotated[float, typer.Option(min=0.1, help="Å per voxel.")] = 6.0,
    diameter: Annotated[
        float | None, typer.Option(help="Of phantoms, in Å. [default: 0.7 of the box]")
    ] = None,
    tilt: Annotated[tuple[float, float], typer.Option(help="Tilt range in degrees.")] = (-60, 60),
    tilt_step: Annotated[float, typer.Option(help="Degrees between images.")] = 3.0,
    geometry: Annotated[
        Geometry,
        typer.Option(
            help="Tilts about y; about y and then x; or conical, at the highest tilt from all "
            "azimuths."
        ),
    ] = "single",
    dose: Annotated[float, typer.Option(help="Of an image, electrons per Å².")] = 3.0,
    defocus: Annotated[
        tuple[float, float], typer.Option(help="Least and largest underfocus, µm.")
    ] = (2.0, 4.0),
    astigmatism: Annotated[
        float, typer.Option(help="Difference of the defocus along both axes, µm; known.")
    ] = 0.0,
    tomograms: Annotated[
        int, typer.Option(help="Each has a defocus of its own, and particles in turn.")
    ] = 4,
    voltage: Annotated[float, typer.Option(help="Of the microscope, kV.")] = 300.0,
    cs: Annotated[float, typer.Option(help="Spherical aberration, mm.")] = 2.7,
    amplitude_contrast: Annotated[float, typer.Option(min=0.0, max=1.0)] = 0.07,
    noise_before: Annotated[
        float, typer.Option(help="Share of the noise that passes the microscope, as that of ice.")
    ] = 0.0,
    correction: Annotated[
        Correction, typer.Option(help="Of images before they are back-projected.")
    ] = "flipped",
    defocus_error: Annotated[
        float, typer.Option(help="How wrong the defocus is known, µm (standard deviation).")
    ] = 0.0,
    alignment_error: Annotated[
        tuple[float, float],
        typer.Option(help="How wrong images are aligned: voxels, and degrees."),
    ] = (0.0, 0.0),
    lost: Annotated[
        int, typer.Option(min=0, help="Images of each tomogram, at random, that are not used.")
    ] = 0,
    premultiplied: Annotated[
        bool, typer.Option(help="Images in stacks are multiplied by contrast transfer and dose.")
    ] = True,
    shift: Annotated[float, typer.Option(min=0.0, help="Longest shift on an axis, voxels.")] = 2.0,
    left_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOWEST:HIGHEST",
            help="Band of the tilt angle, in degrees, that no particle has (preferred "
            "orientations); once for each.",
        ),
    ] = None,
    membranes: Annotated[
        float, typer.Option(help="Share of the boxes with a patch of membrane (images only).")
    ] = 0.0,
    neighbours: Annotated[
        int, typer.Option(min=0, help="Other copies in each box (images only).")
    ] = 0,
    junk: Annotated[
        int,
        typer.Option(
            min=0, help="Boxes without a particle: noise (direct), or neighbours alone (images)."
        ),
    ] = 0,
    empty: Annotated[int, typer.Option(min=0, help="Boxes of noise alone (images only).")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 0,
) -> None:
    """Make particles whose truth is known: volumes, STAR files, true poses, true maps, a picture.

    Then push, run and fetch as with any others, and compare: subtomo score.
    """
    from subtomo_server.simulating.make import make  # noqa: PLC0415 - keeps the command quick
    from subtomo_server.simulating.recipe import recipe_of  # noqa: PLC0415

    with plain_errors():
        recipe = recipe_of(
            {
                "structures": structure,
                "counts": count or [100],
                "form": "direct" if form == "direct" else "sums",
                "snr": snr,
                "box": box,
                "voxel_size_angstrom": voxel_size,
                "diameter_angstrom": diameter,
                "tilts": {
                    "first_deg": tilt[0],
                    "last_deg": tilt[1],
                    "step_deg": tilt_step,
                    "geometry": geometry,
                    "dose": dose,
                    "shift_error_voxels": alignment_error[0],
                    "rotation_error_deg": alignment_error[1],
                    "lost": lost,
                },
                "microscope": {
                    "voltage_kv": voltage,
                    "cs_mm": cs,
                    "amplitude_contrast": amplitude_contrast,
                },
                "optics": {
                    "defocus_um": defocus,
                    "error_um": defocus_error,
                    "astigmatism_um": astigmatism,
                    "tomograms": tomograms,
                    "before": noise_before,
                    "correction": correction,
                    "premultiplied": premultiplied,
                },
                "crowd": {
                    "left_out_deg": [_band(text) for text in left_out or ()],
                    "shift_range": shift,
                    "neighbours": neighbours,
                    "membrane_share": membranes,
                    "junk": junk,
                    "empty": empty,
                },
                "seed": seed,
            }
        )
        for line in make(folder, recipe):
            typer.echo(line)


def _band(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        detail = f"--left-out is LOWEST:HIGHEST in degrees, such as 0:60, not '{text}'"
        raise InputError(Problem(detail)) from None
    return low, high
