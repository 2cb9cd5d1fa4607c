"""Missing regions that differ: posted by name, and told as they were found."""

from __future__ import annotations

from pathlib import Path

import pytest

from subtomo_server.pages.rendering import region_words
from support.serving import WEDGE, Served, small_spec, volume_bytes
from support.star_files import table

NARROW = {"kind": "wedge", "tilt_min_deg": -40, "tilt_max_deg": 55}
BY_NAME = {"kind": "by_name", "regions": {"TS_01": WEDGE, "TS_02": NARROW}}


def test_regions_by_tomogram_are_told_as_they_were_found(service: Served, tmp_path: Path):
    body = {"name": "two", "missing": BY_NAME}
    dataset = service.client.post("/datasets", json=body).json()["id"]
    rows = "".join(f"p{i}.mrc TS_0{i % 2 + 1}\n" for i in range(4))
    files = {f"p{i}.mrc": volume_bytes(tmp_path, i) for i in range(4)}
    files["p.star"] = table("rlnImageName", "rlnTomoName", rows=rows).encode()
    for name, content in files.items():
        service.client.put(f"/datasets/{dataset}/files/{name}", content=content).raise_for_status()
    told = service.client.post(f"/datasets/{dataset}/seal", headers={"prefer": "wait=30"}).json()
    assert told["status"] == "ready", told
    missing = told["missing"]
    assert (missing["kind"], missing["by"], missing["turned"]) == ("each", "tomogram", 0)
    assert [(part["particles"], part["names"]) for part in missing["parts"]] == [
        (2, ["TS_01"]),
        (2, ["TS_02"]),
    ]
    assert missing["parts"][1]["region"] == NARROW | {"axis": "y"}
    assert region_words(missing) == "2 missing wedges, by tomogram"
    posted = service.client.post("/jobs", json=small_spec(dataset))
    assert posted.status_code == 201, posted.text


def test_what_only_a_check_finds_cannot_be_posted(service: Served):
    found = {"kind": "each", "parts": [{"region": WEDGE, "particles": 4}], "turned": 4}
    answer = service.client.post("/datasets", json={"name": "x", "missing": found})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/missing")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (BY_NAME | {"by": "optics_group"}, "2 given by optics group"),
        ({"kind": "table"}, "as the table's rows tell"),
        (
            {"kind": "each", "by": None, "parts": [{"region": WEDGE, "particles": 4}], "turned": 3},
            "tilts from \u221260° to 60° about y, turned with 3 boxes",
        ),
    ],
)
def test_regions_in_words(missing: dict, words: str):
    assert region_words(missing) == words
