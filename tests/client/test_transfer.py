from __future__ import annotations

import hashlib
import json

import pytest

from subtomo import ChecksumMismatch, InvalidInput, NotFound
from subtomo.transfer import NO_PARTICLES

MAP = "GET /api/v1/jobs/job_1/iterations/last/classes/1/map.mrc"
FILES = "GET /api/v1/datasets/ds_1/files"
CONTENT = bytes(range(256)) * 1000
STAR = "data_\nloop_\n_rlnImageName #1\n"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file_headers(content: bytes = CONTENT, **more: str) -> dict[str, str]:
    return {"ETag": f'"{sha256(content)}"', "Content-Length": str(len(content)), **more}


def whole(request):
    request.begin(200, file_headers())
    request.write(CONTENT)


def half(request):
    request.begin(200, file_headers())
    request.write(CONTENT[:100_000])
    request.hang_up()


def rest(request):
    start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert request.headers["If-Range"] == file_headers()["ETag"]
    request.begin(
        206,
        {
            "ETag": file_headers()["ETag"],
            "Content-Length": str(len(CONTENT) - start),
            "Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}",
        },
    )
    request.write(CONTENT[start:])


def wrong(request):
    request.begin(200, file_headers())
    request.write(CONTENT[::-1])


def test_a_download_is_the_servers_bytes(server, client, tmp_path):
    server.on(MAP, whole)
    target = client.download_map("job_1", tmp_path / "new" / "a.mrc")
    assert target.read_bytes() == CONTENT
    assert [entry.name for entry in target.parent.iterdir()] == ["a.mrc"]


def test_a_folder_takes_the_servers_name_but_never_leaves_it(server, client, tmp_path):
    def named(request):
        request.begin(
            200, file_headers(**{"Content-Disposition": 'attachment; filename="../../up.mrc"'})
        )
        request.write(CONTENT)

    server.on(MAP, named)
    assert client.download_map("job_1", tmp_path) == tmp_path / "up.mrc"


def test_a_broken_download_goes_on_where_it_broke(server, client, tmp_path):
    server.on(MAP, half, rest)
    assert client.download_map("job_1", tmp_path / "a.mrc").read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_server_without_ranges_sends_it_all_again(server, client, tmp_path):
    server.on(MAP, half, whole)
    assert client.download_map("job_1", tmp_path / "a.mrc").read_bytes() == CONTENT


def test_wrong_bytes_leave_nothing_behind_and_the_old_file_alone(server, client, tmp_path):
    (tmp_path / "a.mrc").write_bytes(b"old")
    server.on(MAP, wrong)
    with pytest.raises(ChecksumMismatch, match="SHA-256"):
        client.download_map("job_1", tmp_path / "a.mrc")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"a.mrc": b"old"}


def test_a_missing_file_leaves_nothing_behind(client, tmp_path):
    with pytest.raises(NotFound):
        client.download_map("job_1", tmp_path / "a.mrc")
    assert list(tmp_path.iterdir()) == []


def stored(request):
    name = request.path.rpartition("/files/")[2]
    request.answer({"name": name, "size": len(request.body), "sha256": sha256(request.body)})


def prepare(server, folder, *, there=()):
    """Write a STAR with two volumes; the server has those of ``there`` already."""
    contents = {"vol/a.mrc": b"aaaa", "vol/b c.mrc": b"bb"}
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "p.star").write_text(STAR + 'vol/a.mrc\n"vol/b c.mrc"\n')
    entries = [
        {"name": name, "size": len(contents[name]), "sha256": sha256(contents[name])}
        for name in there
    ]
    server.on(FILES, lambda request: request.answer({"items": entries}))
    for name in ("vol/a.mrc", "vol/b%20c.mrc", "p.star"):
        server.on(f"PUT /api/v1/datasets/ds_1/files/{name}", stored)
    return folder / "p.star"


def test_an_upload_sends_the_star_and_every_volume_it_names(server, client, tmp_path):
    star = prepare(server, tmp_path)
    seen = []
    report = client.upload("ds_1", star, on_progress=lambda *state: seen.append(state))
    assert report == (3, 0, 6 + star.stat().st_size, ())
    bodies = {one.path.rpartition("/files/")[2]: one.body for one in server.requests[1:]}
    assert bodies == {"vol/a.mrc": b"aaaa", "vol/b%20c.mrc": b"bb", "p.star": star.read_bytes()}
    assert seen[-1] == (report.bytes, report.bytes)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_what_the_server_has_is_not_sent_again(server, client, tmp_path):
    star = prepare(server, tmp_path, there=["vol/a.mrc"])
    report = client.upload("ds_1", star)
    assert (report.sent, report.skipped) == (2, 1)
    assert not server.calls("PUT /api/v1/datasets/ds_1/files/vol/a.mrc")


def test_a_changed_file_of_the_same_size_is_sent_again(server, client, tmp_path):
    star = prepare(server, tmp_path, there=["vol/a.mrc"])
    (tmp_path / "vol/a.mrc").write_bytes(b"AAAA")
    assert client.upload("ds_1", star).sent == 3


def test_an_upload_that_breaks_is_repeated_whole(server, client, tmp_path):
    star = prepare(server, tmp_path)
    call = "PUT /api/v1/datasets/ds_1/files/vol/a.mrc"
    server.on(call, lambda request: request.hang_up(), stored)
    assert client.upload("ds_1", star).sent == 3
    assert [request.body for request in server.calls(call)] == [b"aaaa", b"aaaa"]


def test_other_bytes_at_the_server_are_noticed(server, client, tmp_path):
    star = prepare(server, tmp_path)
    server.on(
        "PUT /api/v1/datasets/ds_1/files/vol/a.mrc",
        lambda request: request.answer({"name": "vol/a.mrc", "size": 4, "sha256": "0" * 64}),
    )
    with pytest.raises(ChecksumMismatch, match=r"vol/a\.mrc"):
        client.upload("ds_1", star)


def test_a_folder_of_volumes(server, client, tmp_path):
    for name in ("2.mrc", "1.mrc", "notes.txt", "3.map.gz"):
        (tmp_path / name).write_bytes(name.encode())
    server.on(FILES, lambda request: request.answer({"items": []}))
    for name in ("1.mrc", "2.mrc", "3.map.gz"):
        server.on(f"PUT /api/v1/datasets/ds_1/files/{name}", stored)
    report = client.upload("ds_1", tmp_path)
    assert report.sent == 3
    assert report.remarks == (f"1 file was left out, {NO_PARTICLES}: notes.txt",)


def test_nothing_to_upload_is_said_before_anything_is_sent(server, client, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("")
    (tmp_path / "p.star").write_text(f"{STAR}gone.mrc\n")
    for path, words in (
        (tmp_path / "empty", "no volumes"),
        (tmp_path / "x.txt", "STAR"),
        (tmp_path / "gone", "no file or folder"),
        (tmp_path, r"p\.star"),
        (tmp_path / "p.star", "rlnImageName"),
    ):
        with pytest.raises(InvalidInput, match=words):
            client.upload("ds_1", path)
    assert server.requests == []


def test_a_map_is_uploaded_with_its_name(server, client, tmp_path):
    (tmp_path / "ref.mrc").write_bytes(b"map")
    server.on(
        "POST /api/v1/maps",
        lambda request: request.answer({"id": "map_1", "name": "ref.mrc"}, status=201),
    )
    assert client.upload_map(tmp_path / "ref.mrc").id == "map_1"
    assert server.requests[0].body == b"map"
    with pytest.raises(InvalidInput, match="no map"):
        client.upload_map(tmp_path / "gone.mrc")


def test_the_digest_in_an_etag_is_optional(server, client, tmp_path):
    def loose(request):
        request.begin(200, {"ETag": 'W/"version-3"', "Content-Length": str(len(CONTENT))})
        request.write(CONTENT)

    server.on(MAP, loose)
    assert client.download_map("job_1", tmp_path / "a.mrc").read_bytes() == CONTENT


def test_a_sent_body_is_json(server, client):
    server.on(
        "POST /api/v1/datasets",
        lambda request: request.answer({"id": "ds_1", "name": "x", "status": "open"}, status=201),
    )
    client.create_dataset("x", tilt=(-50, 70), voxel_size=6.0, dark=True)
    assert json.loads(server.requests[0].body) == {
        "name": "x",
        "missing": {"kind": "wedge", "tilt_min_deg": -50, "tilt_max_deg": 70},
        "voxel_size_angstrom": 6.0,
        "dark_particles": True,
    }
