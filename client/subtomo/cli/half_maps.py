"""``subtomo local-resolution`` and ``subtomo directional-fsc``: where half maps agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from subtomo.cli.again import WhichJob
from subtomo.cli.find import find_job
from subtomo.cli.output import connect, fail, plainly, print_json, screen
from subtomo.cli.postprocess import Cls, Which
from subtomo.postprocessing import DirectionalFsc, LocalResolution

Mask = Annotated[
    str | None, typer.Option(help="Id of one of your maps; the job's own mask by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]


@plainly
def local_resolution(
    context: typer.Context,
    job: WhichJob,
    *,
    cls: Cls = 1,
    mask: Mask = None,
    window: Annotated[
        float | None,
        typer.Option(help="Width of the window in Å; by default five times the resolution."),
    ] = None,
    cutoff: Annotated[
        float, typer.Option(min=0.3, max=0.9, help="Of the halves' local correlation.")
    ] = 0.5,
    iteration: Which = None,
    to: Annotated[
        Path, typer.Option(help="File to write, or an existing folder; this one by default.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Download the resolution at each voxel of an average, in Å (MRC).

    Colour the average by it in ChimeraX: 'color sample #1 map #2'.
    """
    with connect(context) as client:
        record = find_job(client, job)
        number = client.iteration(record, "last" if iteration is None else iteration).number
        found = client.local_resolution(
            record, mask=mask, window=window, cutoff=cutoff, cls=cls, iteration=number
        )
        file = client.download_local_resolution(
            record, to, mask=mask, window=window, cutoff=cutoff, cls=cls, iteration=number
        )
    if as_json:
        print_json({"file": str(file), "local_resolution": found})
        return
    screen().print(_local_words(found), markup=False)
    screen().print(str(file), markup=False, soft_wrap=True)


def _local_words(found: LocalResolution) -> str:
    window = f"a window of {found.window_angstrom:.0f} Å, correlation {found.cutoff:g}"
    if not found.told_share:
        return f"no resolution anywhere within the mask, even as coarse as the window ({window})"
    fine, middle, coarse = (found.quantiles_angstrom[part] for part in ("5", "50", "95"))
    return (
        f"median {middle:.1f} Å, 90 % between {fine:.1f} and {coarse:.1f} Å, at "
        f"{100 * found.told_share:.0f} % of the voxels within the mask; none is told at the others "
        f"({window})"
    )


@plainly
def directional_fsc(
    context: typer.Context,
    job: WhichJob,
    *,
    cls: Cls = 1,
    mask: Mask = None,
    iteration: Which = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Write a row for each direction to this file (.tsv), or everything (.json)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether an average is as well resolved along all directions (3D FSC)."""
    if to is not None and to.suffix not in (".tsv", ".json"):
        raise fail(f"{to}: give a name that ends in .tsv or .json.")
    with connect(context) as client:
        record = find_job(client, job)
        which = "last" if iteration is None else iteration
        found = client.directional_fsc(record, mask=mask, cls=cls, iteration=which)
    if to is not None:
        written = _table(found) if to.suffix == ".tsv" else json.dumps(found.model_dump())
        to.write_text(written, encoding="utf-8")
    if as_json:
        print_json(found)
        return
    for line in _directional_lines(found):
        screen().print(line, markup=False, soft_wrap=True)
    if to is not None:
        screen().print(str(to), markup=False, soft_wrap=True)


def _directional_lines(found: DirectionalFsc) -> list[str]:
    ends = [
        f"{name} {found.resolution_angstrom[at]:.1f} Å along ({x:.2f}, {y:.2f}, {z:.2f})"
        for name, at in (("finest", found.finest), ("coarsest", found.coarsest))
        for x, y, z in (found.directions[at],)
    ]
    return [
        f"resolution (FSC {found.cutoff:g}) {found.least_angstrom:.1f} to "
        f"{found.greatest_angstrom:.1f} Å, median {found.median_angstrom:.1f} Å, "
        f"spread {found.spread_angstrom:.1f} Å",
        "; ".join(ends),
        f"sphericity {found.sphericity:.2f}, area ratio {found.area_ratio:.2f}",
        found.warning or "Not strongly anisotropic.",
    ]


def _table(found: DirectionalFsc) -> str:
    """Directions and their resolutions, tab-separated, a row each."""
    rows = [
        f"{x:.4f}\t{y:.4f}\t{z:.4f}\t{resolution:.3f}\n"
        for (x, y, z), resolution in zip(found.directions, found.resolution_angstrom, strict=True)
    ]
    return "".join(["x\ty\tz\tresolution_angstrom\n", *rows])
