"""Good tables, changed at random: no difference goes by in silence.

Columns, rows and blocks are dropped, doubled, reordered and renamed. What comes out are the same
particles with the same values, whatever their order; or a refusal; or a remark that names what
differs.
"""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subtomo_core.errors import InputError
from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles, read_record
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from support.dynamo import DataFolder
from support.particles import full_weights, noise_volumes
from support.sealing import WEDGE

COUNT, BOX, SIZE = 5, 8, 5.0
EXAMPLES = int(os.environ.get("SUBTOMO_TEST_EXAMPLES", "20"))
OPTICS = {
    "rlnOpticsGroup": ["1", "2"],
    "rlnOpticsGroupName": ["left", "right"],
    "rlnImagePixelSize": ["5", "5"],
    "rlnVoltage": ["200", "200"],
    "rlnSphericalAberration": ["2", "2"],
    "rlnImageDimensionality": ["3", "3"],
}
PARTICLES = {
    "rlnImageName": ["1@all.mrcs", "2@all.mrcs", "p2.mrc", "p3.mrc", "p4.mrc"],
    "rlnCtfImage": [f"w{i}.mrc" for i in range(COUNT)],
    "rlnOpticsGroup": ["1", "2", "1", "2", "1"],
    "rlnAngleRot": ["10", "20", "30", "40", "50"],
    "rlnAngleTilt": ["11", "21", "31", "41", "51"],
    "rlnAnglePsi": ["12", "22", "32", "42", "52"],
    "rlnOriginXAngst": ["1", "2", "3", "4", "5"],
    "rlnOriginYAngst": ["2", "3", "4", "5", "6"],
    "rlnOriginZAngst": ["3", "4", "5", "6", "7"],
    "rlnClassNumber": ["1", "2", "1", "2", "1"],
    "rlnRandomSubset": ["1", "1", "2", "2", "1"],
    "rlnTomoName": ["a", "a", "b", "b", "b"],
    "rlnCoordinateX": ["7", "8", "9", "10", "11"],
}
GENERAL = {"rlnTomoSubTomosAre2DStacks": ["0"]}

# What must be named by a remark where it differs: one of these columns.
COLUMNS = {
    "rotation": ("rlnAngleRot",),
    "shift": ("rlnOriginXAngst",),
    "class": ("rlnClassNumber",),
    "half": ("rlnRandomSubset",),
    "tomogram": ("rlnTomoName",),
    "weight": ("rlnCtfImage",),
    "voltage": ("rlnVoltage",),
    "aberration": ("rlnSphericalAberration",),
    "size": ("rlnImagePixelSize",),
}

Block = tuple[str, dict[str, list[str]]]
KINDS = ("drop", "double", "reorder", "rename")
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(("column", "row", "block")),
        st.integers(0, 2),
        st.integers(0, 12),
    ),
    min_size=1,
    max_size=3,
)


def changed(blocks: list[Block], kind: str, what: str, block: int, index: int) -> list[Block]:
    """One change of a column, a row or a block; nothing where there is none of that number."""
    if what == "block":
        return _moved(blocks, kind, block, lambda one: (f"{one[0]}_new", one[1]))
    if block >= len(blocks) or not blocks[block][1]:
        return blocks
    name, columns = blocks[block]
    if what == "column":
        pairs = _moved(list(columns.items()), kind, index, lambda pair: (f"{pair[0]}New", pair[1]))
    else:
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        rows = _moved(rows, kind, index, lambda row: [f"{row[0]}.new", *row[1:]])
        pairs = [(key, [row[i] for row in rows]) for i, key in enumerate(columns)]
    return [*blocks[:block], (name, pairs), *blocks[block + 1 :]]  # type: ignore[list-item]


def _moved(items: list[Any], kind: str, index: int, renamed: Any) -> list[Any]:
    if index >= len(items):
        return items
    before, one, after = items[:index], items[index], items[index + 1 :]
    return {
        "drop": [*before, *after],
        "double": [*before, one, copy.deepcopy(one), *after],
        "reorder": [*after, one, *before],
        "rename": [*before, renamed(one), *after],
    }[kind]


def text_of(blocks: list[Any]) -> str:
    parts = []
    for name, columns in blocks:
        pairs = list(columns.items()) if isinstance(columns, dict) else columns
        rows = zip(*(values for _, values in pairs), strict=True)
        parts.append(f"data_{name}\nloop_\n" + "".join(f"_{key}\n" for key, _ in pairs))
        parts.append("".join(" ".join(row) + "\n" for row in rows) + "\n")
    return "".join(parts)


def as_dicts(blocks: list[Any]) -> list[Block] | None:
    """Blocks for the next change; None where a column stands twice, which is final."""
    found = [(name, dict(columns)) for name, columns in blocks]
    whole = all(len(found[i][1]) == len(blocks[i][1]) for i in range(len(blocks)))
    return found if whole else None


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files which the table names."""
    folder = tmp_path_factory.mktemp("uploads")
    volumes, weights = noise_volumes(COUNT, BOX), full_weights(COUNT, BOX)
    write_volume(folder / "all.mrcs", volumes[:2], SIZE)
    for i in range(COUNT):
        write_volume(folder / f"w{i}.mrc", weights[i], SIZE)
        if i >= 2:
            write_volume(folder / f"p{i}.mrc", volumes[i], SIZE)
    return folder


def outcome(folder: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """Every particle's values by its name, and all remarks as one text."""
    table, particles = read_particles(folder / "particles.star"), StackParticles(folder)
    optics = table.microscope
    values = {}
    for i, image in enumerate(table.images):
        values[image.text] = {
            "volume": particles.volume(i).tobytes(),
            "rotation": None if table.rotations is None else table.rotations[i].round(6).tolist(),
            "shift": table.shifts[i].round(5).tolist(),
            "class": None if table.classes is None else int(table.classes[i]),
            "half": None if table.half_sets is None else int(table.half_sets[i]),
            "tomogram": None if table.tomograms is None else table.tomograms[i],
            "weight": None if table.ctf_images is None else table.ctf_images[i].path,
            "size": None if table.voxel_sizes is None else float(table.voxel_sizes[i]),
            "voltage": optics.voltage_kv,
            "aberration": optics.spherical_aberration_mm,
        }
    return values, "\n".join(read_record(folder).remarks)


def sealed(uploads: Path, text: str, missing: Any) -> tuple[dict[str, dict[str, Any]], str] | None:
    """Outcome of a table beside the files; None where it is refused, in words."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "ds_1"
        shutil.copytree(uploads, folder / "uploads")
        (folder / "uploads" / "p.star").write_text(text)
        try:
            seal(folder, missing)
        except InputError:
            return None
        return outcome(folder)


@pytest.mark.parametrize("missing", [WEDGE, Weights()], ids=["wedge", "weights"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(changes=CHANGES)
def test_no_difference_is_silent(uploads, missing, changes):
    blocks: Any = [("general", GENERAL), ("optics", OPTICS), ("particles", PARTICLES)]
    expected, told_before = sealed(uploads, text_of(blocks), missing) or pytest.fail("refused")
    for change in changes:
        again = as_dicts(blocks)
        if again is None:
            break
        blocks = changed(again, *change)
    found = sealed(uploads, text_of(blocks), missing)
    if found is None:
        return
    values, told = found
    new = "\n".join(line for line in told.splitlines() if line not in told_before.splitlines())
    assert set(values) <= set(expected)
    for name in set(expected) - set(values):
        assert _named(name, new), f"{name} is gone: {new}"
    for name, value in values.items():
        for field, columns in COLUMNS.items():
            if value[field] != expected[name][field]:
                assert _told(columns, new), f"{field} of {name} differs: {new}"
        assert value["volume"] == expected[name]["volume"]


def _named(image: str, remarks: str) -> bool:
    """Whether a remark names a volume by its file, or by its place in a stack."""
    place, at, stack = image.partition("@")
    return image in remarks if not at else f"{int(place):06d}" in remarks or stack in remarks


def _told(columns: tuple[str, ...], remarks: str) -> bool:
    """Whether a remark says that a column is not there, or speaks of its values."""
    lines = [line for line in remarks.splitlines() if not line.startswith("not read of")]
    return any(f"_{column}" in line for column in columns for line in lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(("drop", "double", "reorder")), st.integers(0, 4)),
        min_size=1,
        max_size=3,
    )
)
def test_no_row_of_a_dynamo_table_is_lost_in_silence(changes):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "ds_1"
        data = DataFolder(folder / "uploads", count=COUNT)
        lines = data.table.read_text().splitlines()
        for kind, index in changes:
            lines = _moved(lines, kind, index, str)
        data.table.write_text("\n".join(lines) + "\n")
        try:
            seal(folder, WEDGE, SIZE)
        except InputError:
            return
        values, told = outcome(folder)
        for tag in range(1, COUNT + 1):
            name = f"particle_{tag:05d}.em"
            if name not in values:
                assert name in told
                continue
            assert values[name]["volume"] == np.asarray(data.volumes[tag - 1]).tobytes()
            shift = np.asarray(values[name]["shift"]) / SIZE
            assert np.allclose(shift, data.shifts[tag - 1], atol=1e-5)
