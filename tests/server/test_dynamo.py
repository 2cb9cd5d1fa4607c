"""Data folders of Dynamo and EM maps by plain HTTP."""

from __future__ import annotations

import bz2
import hashlib
from pathlib import Path

import emfile
import httpx
import numpy as np
import pytest

from subtomo_store import Settings
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.volumes import read_volume
from support.dynamo import DataFolder
from support.particles import noise_volumes
from support.services import RedisServer
from support.serving import WEDGE, Served, served, small_spec

ASKED = {"name": "dynamo", "missing": WEDGE, "voxel_size_angstrom": 5.0}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "allowed" / "data")


def sealed(client: httpx.Client, dataset: str) -> dict:
    answer = client.post(f"/datasets/{dataset}/seal", headers={"prefer": "wait=30"})
    return dict(answer.json())


def uploaded(client: httpx.Client, data: DataFolder) -> str:
    made = str(client.post("/datasets", json=ASKED).json()["id"])
    for path in data.folder.iterdir():
        put = client.put(f"/datasets/{made}/files/{path.name}", content=path.read_bytes())
        put.raise_for_status()
    return made


def test_a_folder_is_uploaded_and_its_poses_start_a_job(service: Served, folder: DataFolder):
    dataset = sealed(service.client, uploaded(service.client, folder))
    assert (dataset["status"], dataset["particles"], dataset["box"]) == ("ready", 4, 8)
    spec = small_spec(
        dataset["id"],
        algorithm="sag",
        start={"kind": "poses"},
        half_sets=False,
        parameters={"about_normal": True},
    )
    answer = service.client.post("/jobs/validate", json=spec)
    assert answer.status_code == 200, answer.text


def test_a_bad_row_is_told_with_its_place(service: Served, folder: DataFolder):
    folder.put(3, 7, "x")
    dataset = sealed(service.client, uploaded(service.client, folder))
    assert dataset["status"] == "rejected"
    (problem,) = dataset["problems"]
    assert (problem["file"], problem["row"], problem["column"]) == ("crop.tbl", 3, "tdrot")


def test_a_folder_or_its_table_is_registered_in_place(
    redis: RedisServer, tmp_path: Path, folder: DataFolder
):
    roots = (tmp_path / "allowed",)
    settings = Settings(data=tmp_path / "data", broker_url=redis.url, source_roots=roots)
    with served(settings) as service:
        for source in (folder.folder, folder.table):
            asked = {**ASKED, "source": {"path": str(source)}}
            made = service.client.post("/datasets", json=asked)
            assert made.status_code == 201, made.text
            assert sealed(service.client, made.json()["id"])["status"] == "ready"
        other = folder.folder / "particle_00001.em"
        refused = service.client.post("/datasets", json={**ASKED, "source": {"path": str(other)}})
        assert refused.status_code == 422
        assert "neither a folder nor a STAR file or Dynamo table" in refused.text


@pytest.mark.parametrize("name", ["ribo.em", "ribo"])
def test_an_em_map_is_kept_as_mrc(service: Served, tmp_path: Path, name: str):
    volume = noise_volumes(1, 16)[0]
    emfile.write(tmp_path / "a.em", volume)
    content = (tmp_path / "a.em").read_bytes()
    refused = service.client.post("/maps", params={"name": name}, content=content)
    assert refused.status_code == 422
    assert "EM files do not tell their voxel size: give voxel_size_angstrom" in refused.text
    asked = {"name": name, "voxel_size_angstrom": 5.0}
    made = service.client.post("/maps", params=asked, content=content).json()
    assert (made["box"], made["voxel_size_angstrom"]) == (16, 5.0)
    back = service.client.get(f"/maps/{made['id']}/map.mrc")
    assert 'filename="ribo.mrc"' in back.headers["content-disposition"]
    assert back.headers["etag"] == f'"{hashlib.sha256(back.content).hexdigest()}"'
    (tmp_path / "back.mrc").write_bytes(back.content)
    kept = read_volume(tmp_path / "back.mrc")
    assert (kept.kind, kept.voxel_size) == ("MRC", 5.0)
    assert np.array_equal(kept.array, volume)


def test_a_packed_map_is_kept_unpacked(service: Served, tmp_path: Path):
    write_volume(tmp_path / "a.mrc", noise_volumes(1, 16)[0], 5.0)
    content = bz2.compress((tmp_path / "a.mrc").read_bytes())
    made = service.client.post("/maps", params={"name": "a.mrc.bz2"}, content=content).json()
    back = service.client.get(f"/maps/{made['id']}/map.mrc").content
    assert back == (tmp_path / "a.mrc").read_bytes()
    assert made["size"] == len(back)


def test_lists_beside_volumes_are_named_by_http(service: Served, tmp_path: Path):
    write_volume(tmp_path / "a.mrc", noise_volumes(1, 8)[0], 5.0)
    made = service.client.post("/datasets", json=ASKED).json()["id"]
    for name, content in (("a.mrc", (tmp_path / "a.mrc").read_bytes()), ("l.xml", b"<a/>")):
        service.client.put(f"/datasets/{made}/files/{name}", content=content).raise_for_status()
    (remark,) = sealed(service.client, made)["remarks"]
    assert remark.endswith("nor a table (RELION STAR, Dynamo): l.xml")
