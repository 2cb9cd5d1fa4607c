"""Tables of RELION and Warp go through a job and come out whole."""

from __future__ import annotations

import shutil
from itertools import cycle, islice

import numpy as np
import pytest

from subtomo_core.spec.missing_region import Wedge
from subtomo_store.datasets.sealing import seal
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.star_text import StarBlock, is_particle_block, parse_star, quote
from support.particles import noise_volumes, shared

COUNT, BOX = 12, 16
ANGLES = {f"rlnAngle{part}" for part in ("Rot", "Tilt", "Psi")}
PIXELS = {f"rlnOrigin{part}" for part in "XYZ"}
ORIGINS = {f"{origin}Angst" for origin in PIXELS}
SCORES = {"rlnClassNumber", "rlnMaxValueProbDistribution", "rlnLogLikeliContribution"}
REFINED = ANGLES | ORIGINS | SCORES
# RELION: "Conventions", optics groups and particles since 3.1; tilt series since 4.
OPTICS = {
    *("rlnOpticsGroup", "rlnOpticsGroupName", "rlnVoltage", "rlnSphericalAberration"),
    *("rlnImagePixelSize", "rlnImageSize", "rlnImageDimensionality"),
}
PARTICLES = {"rlnImageName", "rlnOpticsGroup"} | ANGLES | ORIGINS
PLACES = {f"rlnCoordinate{part}" for part in "XYZ"}
CENTRED = {f"rlnCenteredCoordinate{part}Angst" for part in "XYZ"}
DEMANDED = {
    "relion_3.1_optics.star": {"rlnMicrographName", "rlnCtfImage", *PLACES},
    "relion_4_star.star": {"rlnTomoName", "rlnCtfImage", *PLACES},
    "relion5_refine3d/job_refine/run_it050_data.star": {
        *("rlnTomoName", "rlnTomoParticleName", "rlnCtfImage"),
        *CENTRED,
    },
    # Warp's, as RELION 3.0 reads it: pixels by the detector and the magnification.
    "example.star": {
        *("rlnMicrographName", "rlnMagnification", "rlnDetectorPixelSize", "rlnCtfImage"),
        *PLACES,
    },
    "relion_3_star.star": {"rlnMicrographName", "rlnMagnification", "rlnCtfImage", *PLACES},
}


def with_own_volumes(text: str) -> list[StarBlock]:
    """Blocks of a table with twelve rows that name volumes which are there."""
    found = parse_star(text, "t.star")
    for number, block in enumerate(found):
        if is_particle_block(block.name, block.columns):
            rows = [list(row) for row in islice(cycle(block.rows), COUNT)]
            for index, row in enumerate(rows):
                row[block.columns.index("rlnImageName")] = f"p{index}.mrc"
            found[number] = block._replace(rows=rows)
    return [*found, StarBlock("lab", ("note", "number"), [["of two words", "5"]])]


def written(blocks: list[StarBlock]) -> str:
    return "".join(
        "\n".join(
            [
                *(f"data_{block.name}", "loop_", *(f"_{column}" for column in block.columns)),
                *(" ".join(map(quote, row)) for row in block.rows),
                "\n",
            ]
        )
        for block in blocks
    )


def put(place, blocks: list[StarBlock]) -> None:
    """Seal the table and its volumes as the workplace's dataset."""
    folder = place.store.files.dataset(place.dataset.id)
    shutil.rmtree(folder)
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads" / "table.star").write_text(written(blocks))
    size = read_particles(folder / "uploads" / "table.star").voxel_sizes[0]
    for index, volume in enumerate(noise_volumes(COUNT, BOX)):
        write_volume(folder / "uploads" / f"p{index}.mrc", volume, float(size))
    seal(folder, Wedge(tilt_min_deg=-60, tilt_max_deg=60))


@pytest.mark.parametrize("name", DEMANDED)
def test_a_table_comes_out_with_every_block_column_and_row(place, name):
    blocks = with_own_volumes(shared("formats", *name.split("/")).read_text())
    put(place, blocks)
    place.worker()
    job = place.submit(classes=2, iterations=1)
    assert place.wait(job).status == "succeeded"
    path = place.store.files.iteration_file(job.id, 1, "particles.star")
    after = {block.name: block for block in parse_star(path.read_text(), "out.star")}
    for before in blocks:
        particles = is_particle_block(before.name, before.columns)
        found = after["particles" if particles else before.name]
        assert found.columns[: len(before.columns)] == before.columns
        for column in set(before.columns) - (REFINED | PIXELS if particles else set()):
            assert found.column(column) == before.column(column), column
    assert set(after["optics"].columns) >= OPTICS
    assert set(after["particles"].columns) >= PARTICLES | SCORES | DEMANDED[name]
    back = read_particles(path)  # the adding method finds no turn and no shift
    np.testing.assert_allclose(back.rotations, np.tile(np.eye(3), (COUNT, 1, 1)), atol=1e-9)
    assert not back.shifts.any()
    assert back.classes.tolist() == [1, 1, 2, 2] * 3
