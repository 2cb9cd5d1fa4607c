"""Tilt ranges by tomogram: a text file, and the arguments that stand for one."""

from __future__ import annotations

import pytest

from subtomo.cli.missing import Missing
from subtomo.errors import InvalidInput
from subtomo.tilt_table import region_of_table

WIDE = {"kind": "wedge", "tilt_min_deg": -60.0, "tilt_max_deg": 60.0}
NARROW = {"kind": "wedge", "tilt_min_deg": -52.5, "tilt_max_deg": 66.0}


def written(tmp_path, text):
    path = tmp_path / "tilts.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "tomogram tilt_min_deg tilt_max_deg\nTS_01 -60 60\n\nTS_02 -52.5 66\n",
        "# mine\ntomogram,tilt_max_deg,tilt_min_deg\nTS_01, 60, -60  # good\nTS_02,66,\u221252.5\n",
        "\ufefftomogram\ttilt_min_deg\ttilt_max_deg\r\nTS_01\t-60\t+60\r\nTS_02\t-52.5\t66.\r\n",
    ],
)
def test_a_table_of_tilt_ranges_is_read(tmp_path, text):
    path = written(tmp_path, text)
    expected = {"kind": "by_name", "by": "tomogram", "regions": {"TS_01": WIDE, "TS_02": NARROW}}
    assert region_of_table(path) == expected
    assert Missing(None, None, False, False, tilt_table=path).region() == expected


def test_groups_axes_and_second_tilts_are_read(tmp_path):
    groups = written(tmp_path, "optics_group,tilt_min_deg,tilt_max_deg,axis\nmy krios,-60,60,x\n")
    regions = {"my krios": {**WIDE, "axis": "x"}}
    assert region_of_table(groups) == {"kind": "by_name", "by": "optics_group", "regions": regions}
    columns = "tilt_min_deg tilt_max_deg second_tilt_min_deg second_tilt_max_deg"
    dual = region_of_table(written(tmp_path, f"tomogram {columns}\na -60 60 -50 45\n"))
    assert dual["regions"]["a"] == {
        **WIDE,
        "kind": "pyramid",
        "second_tilt_min_deg": -50.0,
        "second_tilt_max_deg": 45.0,
    }


HEAD = "tomogram tilt_min_deg tilt_max_deg"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no table of tilt ranges: begin it with 'tomogram"),
        ("TS_01 -60 60\n", "is no table of tilt ranges"),
        ("tomogram tilt_min_deg\na -60\n", "is no table of tilt ranges"),
        (f"{HEAD} dose\na -60 60 3\n", "is no table of tilt ranges"),
        (f"{HEAD}\n", "has no line below its columns"),
        (f"{HEAD} tilt_max_deg\na -60 60 60\n", "names a column twice"),
        (f"{HEAD}\na -60\n", "line 2: 2 values for 3 columns"),
        (f"{HEAD}\na -60 60\n\na -50 50\n", "line 4: a has a tilt range already"),
        (f"{HEAD}\na -60 sixty\n", "line 2: tilt_max_deg is sixty: give degrees"),
        (f"{HEAD} axis\na -60 60 z\n", "line 2: the axis is z: give x or y"),
    ],
)
def test_a_bad_table_of_tilt_ranges_is_refused(tmp_path, text, words):
    with pytest.raises(InvalidInput, match=r"tilts\.txt") as caught:
        region_of_table(written(tmp_path, text))
    assert words in str(caught.value)


def test_a_table_which_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"gone\.txt cannot be read"):
        region_of_table(tmp_path / "gone.txt")


def test_what_is_missing_is_said_once(tmp_path):
    path = written(tmp_path, f"{HEAD}\na -60 60\n")
    assert Missing(None, None, False, False, from_table=True).region() == {"kind": "table"}
    for said in (
        Missing((-60, 60), None, False, False, tilt_table=path),
        Missing(None, None, False, True, from_table=True),
    ):
        with pytest.raises(InvalidInput, match="by one of"):
            said.region()
    with pytest.raises(InvalidInput, match="go with --tilt"):
        Missing(None, None, False, False, axis="x", tilt_table=path).region()
