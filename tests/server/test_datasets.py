"""From upload to a dataset which is ready, and everything that can be wrong on the way."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from dynamotable.constants import COLUMN_NAME_TO_COLUMN_NUMBER as NUMBERS

from subtomo_store import Settings, open_store
from subtomo_store.datasets import datasets
from support.serving import WEDGE, Served, ready_dataset, served, volume_bytes
from support.star_files import table


def new(service: Served, **changes: object) -> str:
    answer = service.client.post("/datasets", json={"name": "new", "missing": WEDGE, **changes})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/datasets/{answer.json()['id']}"
    return str(answer.json()["id"])


def put(service: Served, dataset: str, name: str, content: bytes) -> dict:
    answer = service.client.put(f"/datasets/{dataset}/files/{name}", content=content)
    return {"status_code": answer.status_code, **answer.json()}


def sealed(service: Served, dataset: str) -> dict:
    answer = service.client.post(f"/datasets/{dataset}/seal", headers={"prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_upload_is_stored_as_sent_and_told_by_its_hash(service: Served, tmp_path: Path):
    dataset, content = new(service), volume_bytes(tmp_path)
    told = put(service, dataset, "sub/p0.mrc", content)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["size"] == len(content)
    assert service.store.files.upload(dataset, "sub/p0.mrc").read_bytes() == content
    listed = service.client.get(f"/datasets/{dataset}/files").json()["items"]
    assert listed == [{"name": "sub/p0.mrc", "size": len(content), "sha256": told["sha256"]}]


@pytest.mark.parametrize("name", ["..%2F..%2Fescape.mrc", "a%2F..%2F..%2Fb", "%2Fetc%2Fx", ".hid"])
def test_a_name_which_leads_elsewhere_is_refused_and_leaves_nothing(service: Served, name: str):
    dataset = new(service)
    root = service.store.settings.data
    before = {path for path in root.rglob("*") if path.is_file() and "datasets" in path.parts}
    told = put(service, dataset, name, b"x" * 100)
    assert told["status_code"] == 422, told
    assert told["errors"][0]["file"]
    after = {path for path in root.rglob("*") if path.is_file() and "datasets" in path.parts}
    assert after == before


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_which_is_too_large_leaves_nothing(service: Served, announced: bool):
    dataset = new(service)
    piece, count = b"x" * 2**20, 6
    content = piece * count if announced else (piece for _ in range(count))
    answer = service.client.put(f"/datasets/{dataset}/files/big.mrc", content=content)
    assert answer.status_code == 413
    assert "4 MiB" in answer.json()["detail"]
    assert service.client.get(f"/datasets/{dataset}/files").json()["items"] == []
    folder = service.store.files.dataset(dataset)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_good_dataset_becomes_ready(service: Served, dataset: str):
    told = service.client.get(f"/datasets/{dataset}").json()
    assert (told["status"], told["particles"], told["box"]) == ("ready", 4, 16)
    assert told["voxel_size_angstrom"] == pytest.approx(6.0)


def test_a_dataset_which_is_wrong_is_rejected_with_everything_wrong(
    service: Served, tmp_path: Path
):
    dataset = new(service)
    put(service, dataset, "short.mrc", volume_bytes(tmp_path)[:-100])
    put(service, dataset, "other.mrc", volume_bytes(tmp_path, 1, box=12))
    put(service, dataset, "good.mrc", volume_bytes(tmp_path, 2))
    nan = bytearray(volume_bytes(tmp_path, 3))
    nan[2000:2004] = np.float32("nan").tobytes()
    put(service, dataset, "nan.mrc", bytes(nan))
    told = sealed(service, dataset)
    assert told["status"] == "rejected"
    words = " ".join(problem["detail"] for problem in told["problems"])
    for part in ("short.mrc", "truncated", "other.mrc", "nan.mrc", "NaN"):
        assert part in words
    # What was wrong may be replaced, and then everything is checked again.
    for index, name in enumerate(("short.mrc", "other.mrc", "nan.mrc")):
        assert put(service, dataset, name, volume_bytes(tmp_path, 5 + index))["size"]
    assert sealed(service, dataset)["status"] == "ready"


def test_an_empty_dataset_is_rejected(service: Served):
    told = sealed(service, new(service))
    assert told["status"] == "rejected"
    assert told["problems"]


def test_sealing_twice_does_no_harm_and_a_ready_dataset_takes_no_files(
    service: Served, dataset: str
):
    assert sealed(service, dataset)["status"] == "ready"
    assert put(service, dataset, "late.mrc", b"x")["status_code"] == 409


def test_what_a_killed_server_was_checking_is_checked_again(
    redis,
    tmp_path: Path,
):
    settings = Settings(data=tmp_path / "data", broker_url=redis.url)
    with served(settings) as first:
        dataset = new(first)
        put(first, dataset, "p.mrc", volume_bytes(tmp_path))
    store = open_store(settings)
    with store.begin() as session:
        owner = datasets.get(session, dataset).user_id
        datasets.start_check(session, dataset, owner)
    store.close()
    with served(settings) as second:
        wait = {"prefer": "wait=30"}
        assert second.client.get(f"/datasets/{dataset}", headers=wait).json()["status"] == "ready"


def test_rename_list_and_delete(service: Served, tmp_path: Path):
    dataset = ready_dataset(service.client, tmp_path, count=2)
    changed = service.client.patch(f"/datasets/{dataset}", json={"name": "better"}).json()
    assert changed["name"] == "better"
    first = service.client.get("/datasets", params={"limit": 1}).json()
    assert [item["id"] for item in first["items"]] == [dataset]
    rest = service.client.get("/datasets", params={"cursor": first["cursor"]}).json()["items"]
    assert dataset not in [item["id"] for item in rest]
    named = service.client.get("/datasets", params={"name": "better"}).json()["items"]
    assert [item["id"] for item in named] == [dataset]
    assert service.client.delete(f"/datasets/{dataset}").status_code == 204
    assert service.client.get(f"/datasets/{dataset}").status_code == 404
    assert not service.store.files.dataset(dataset).exists()


def test_a_rejected_dataset_is_mended_and_checked_again(service: Served, tmp_path: Path):
    dataset = new(service, missing={"kind": "mask"})
    assert service.client.get(f"/datasets/{dataset}").json()["missing"] == {"kind": "weights"}
    for name in ("p0.mrc", "spare.txt"):
        put(service, dataset, name, volume_bytes(tmp_path))
    told = sealed(service, dataset)
    assert "the missing region is 'weights', but no STAR file" in told["problems"][0]["detail"]
    changes = {"missing": WEDGE, "voxel_size_angstrom": 6.0, "dark_particles": True}
    changed = service.client.patch(f"/datasets/{dataset}", json=changes).json()
    assert changed | changes | {"missing": WEDGE | {"axis": "y"}} == changed
    assert service.client.delete(f"/datasets/{dataset}/files/spare.txt").status_code == 204
    assert not service.store.files.upload(dataset, "spare.txt").exists()
    assert service.client.delete(f"/datasets/{dataset}/files/spare.txt").status_code == 404
    assert service.client.get(f"/datasets/{dataset}").json()["status"] == "open"
    told = sealed(service, dataset)
    assert (told["status"], told["voxel_size_angstrom"]) == ("ready", 6.0)
    refused = service.client.patch(f"/datasets/{dataset}", json={"missing": {"kind": "none"}})
    assert refused.status_code == 409
    assert "only its name can still be changed" in refused.json()["detail"]
    assert service.client.delete(f"/datasets/{dataset}/files/p0.mrc").status_code == 409


XML = '<ParticleList><Particle Filename="p.em"><Rotation Z1="0" Z2="0" X="0"/>{}</Particle>'
PYTOM = XML.format('<Wedge><SingleTiltWedge Angle1="30" Angle2="28"/></Wedge>')


def dynamo(**said: object) -> str:
    row = ["1"] * 2 + ["0"] * 33
    for column, value in said.items():
        row[NUMBERS[column] - 1] = str(value)
    return " ".join(row) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "missing"),
    [
        ("p.star", table("rlnImageName", "rlnCtfImage", rows="a.mrc b.mrc\n"), {"kind": "weights"}),
        ("p.star", table("rlnImageName", "rlnTomoVisibleFrames"), {"kind": "weights"}),
        ("p.star", table("rlnImageName", rows="a.mrc\n"), None),
        ("c.tbl", dynamo(ftype=1, ymintilt=-54, ymaxtilt=60), {"kind": "table"}),
        ("c.tbl", dynamo(), None),
        ("l.xml", PYTOM + "<Particle Filena", {"tilt_min_deg": -60.0, "tilt_max_deg": 62.0}),
        ("l.xml", PYTOM + XML.format("").removeprefix("<ParticleList>"), None),
        ("l.xml", "<ParticleList", None),
        ("notes.txt", "rlnCtfImage", None),
        ("bytes.star", "\0\1", None),
    ],
)
def test_a_region_is_proposed_by_the_beginning_of_a_table(service, name, text, missing):
    query = {"name": name, "whole": False}
    path = "/datasets/propose-region"
    answer = service.client.post(path, params=query, content=f"{text}\ncut o".encode())
    told = answer.json()
    assert (told["missing"] is None) == (missing is None) == (told["reason"] is None)
    if missing is not None:
        assert told["missing"] | missing == told["missing"]
        assert told["reason"].startswith(name)


def test_the_preview_is_a_picture_which_is_not_sent_twice(service: Served, dataset: str):
    answer = service.client.get(f"/datasets/{dataset}/preview.png")
    width, height = struct.unpack(">II", answer.content[16:24])
    assert answer.headers["content-type"] == "image/png"
    data = answer.content[answer.content.index(b"IDAT") + 4 : -16]
    assert len(zlib.decompressobj().decompress(data)) == height * (width + 1)
    again = {"if-none-match": answer.headers["etag"]}
    assert service.client.get(f"/datasets/{dataset}/preview.png", headers=again).status_code == 304


def test_files_on_the_servers_disk_only_below_the_allowed_folders(
    redis,
    tmp_path: Path,
):
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    for folder in (allowed, secret):
        folder.mkdir()
        for index in range(2):
            (folder / f"p{index}.mrc").write_bytes(volume_bytes(tmp_path, index))
    (tmp_path / "link").symlink_to(secret)
    settings = Settings(data=tmp_path / "data", broker_url=redis.url, source_roots=(allowed,))
    with served(settings) as service:
        dataset = new(service, source={"path": str(allowed)})
        assert sealed(service, dataset)["particles"] == 2
        assert (allowed / "p0.mrc").exists()
        for path in (secret, allowed / ".." / "secret", tmp_path / "link", Path("/etc")):
            body = {"name": "x", "missing": WEDGE, "source": {"path": str(path)}}
            answer = service.client.post("/datasets", json=body)
            assert answer.json()["errors"][0]["pointer"] == "/source/path"
        (allowed / "out").symlink_to(secret)
        body = {"name": "x", "missing": WEDGE, "source": {"path": str(allowed)}}
        assert "leads out" in service.client.post("/datasets", json=body).json()["detail"]


def test_a_map_is_checked_kept_and_given_back(service: Served, tmp_path: Path):
    content = volume_bytes(tmp_path, 9)
    made = service.client.post("/maps", params={"name": "barrel"}, content=content)
    assert made.status_code == 201
    told = made.json()
    assert (told["box"], told["name"]) == (16, "barrel")
    back = service.client.get(f"/maps/{told['id']}/map.mrc")
    assert back.content == content
    assert back.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert 'filename="barrel.mrc"' in back.headers["content-disposition"]
    assert told["id"] in [m["id"] for m in service.client.get("/maps").json()["items"]]
    assert service.client.delete(f"/maps/{told['id']}").status_code == 204
    assert not service.store.files.map(told["id"]).exists()


def test_a_map_which_is_none_leaves_nothing(service: Served):
    before = list((service.store.settings.data / "maps").glob("*"))
    answer = service.client.post("/maps", params={"name": "bad"}, content=b"not a map" * 500)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["file"] == "bad"
    assert list((service.store.settings.data / "maps").glob("*")) == before
