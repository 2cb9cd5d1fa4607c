"""A job's result in the formats of other programs, over HTTP, by client and by command."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import dynamotable
import emfile
import httpx
import mrcfile
import numpy as np
import pytest
import starfile
from typer.testing import CliRunner

from subtomo import Client, HTTPProblem
from subtomo.cli import app
from subtomo_core.orientation.rotations import angular_distance, from_tom_angles
from subtomo_store.formats.dynamo import read_dynamo
from subtomo_store.formats.star import ParticleRows, read_particles, write_particles
from support.rebuilding import put_at
from support.services import WorkerProcess
from support.serving import WEDGE, Served, small_spec, volume_bytes

BOX, VOXEL = 16, 6.0
PLACES = np.array([[20.0, 30, 12], [44, 30, 12], [30, 30, 12], [90, 90, 90]])


@pytest.fixture(scope="module")
def job(service: Served, worker: WorkerProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Id of a job of two classes on four particles with coordinates in two tomograms."""
    folder = tmp_path_factory.mktemp("placed")
    made = service.client.post("/datasets", json={"name": "placed", "missing": WEDGE}).json()["id"]
    rows = ParticleRows(
        images=[f"p{i}.mrc" for i in range(4)],
        voxel_size=VOXEL,
        box=BOX,
        tomograms=["TS_1", "TS_1", "TS_1", "TS 2"],
        coordinates=PLACES,
    )
    write_particles(folder / "p.star", rows)
    put(service.client, made, "p.star", (folder / "p.star").read_bytes())
    for i in range(4):
        put(service.client, made, f"p{i}.mrc", volume_bytes(folder, i, BOX, VOXEL))
    sealed = service.client.post(f"/datasets/{made}/seal", headers={"prefer": "wait=30"}).json()
    assert sealed["status"] == "ready", sealed
    spec = small_spec(made, name="Placed", classes=2)
    posted = service.client.post("/jobs", json=spec).json()["id"]
    ended = {"status": ""}
    for _ in range(5):  # a busy machine takes its time
        ended = service.client.get(f"/jobs/{posted}", headers={"prefer": "wait=60"}).json()
        if ended["status"] in ("succeeded", "failed"):
            break
    assert ended["status"] == "succeeded", (ended, worker.log.read_text())
    return str(posted)


def put(client: httpx.Client, dataset: str, name: str, content: bytes) -> None:
    client.put(f"/datasets/{dataset}/files/{name}", content=content).raise_for_status()


@pytest.fixture
def client(service: Served):
    with Client(service.url, service.token) as connected:
        yield connected


def test_every_table_tells_the_same_poses(client: Client, job: str, tmp_path: Path):
    star = read_particles(client.download_particles(job, tmp_path))
    tbl = read_dynamo(client.download_particles(job, tmp_path, program="dynamo"), "t")
    motl = starfile.read(client.download_particles(job, tmp_path, program="stopgap"))
    angles = motl[["phi", "psi", "the"]].to_numpy(float)
    assert angular_distance(tbl.rotations, star.rotations).max() < 1e-3
    assert angular_distance(from_tom_angles(angles), star.rotations).max() < 1e-3
    shifts = star.shifts_angstrom(VOXEL) / VOXEL
    assert np.allclose(tbl.shifts, shifts, atol=1e-5)
    assert np.allclose(motl[["x_shift", "y_shift", "z_shift"]], shifts, atol=1e-5)
    assert tbl.classes.tolist() == motl["class"].tolist() == star.classes.tolist()
    assert np.allclose(tbl.coordinates, PLACES)
    assert tbl.tilts.tolist() == [[-60, 60]] * 4
    with pytest.raises(ValueError, match="none of relion, dynamo, stopgap"):
        client.download_particles(job, tmp_path, program="eman")


def test_averages_are_sent_as_em_files(client: Client, job: str, tmp_path: Path):
    em = client.download_em(job, tmp_path, cls=2)
    mrc = client.download_map(job, tmp_path / "a.mrc", cls=2)
    assert em.name == "placed_it002_class2.em"
    assert np.array_equal(emfile.read(em)[1], mrcfile.read(mrc))


def test_posteriors_agree_with_the_table(client: Client, job: str, tmp_path: Path):
    star = starfile.read(client.download_star(job, tmp_path))["particles"]
    with np.load(client.download_posteriors(job, tmp_path), allow_pickle=False) as found:
        best = found["class_probability"].argmax(1)
        assert (best + 1).tolist() == star["rlnClassNumber"].tolist()
        probability = found["class_probability"][np.arange(4), best]
        assert np.allclose(probability, star["rlnMaxValueProbDistribution"], atol=1e-5)
        score = found["score"][np.arange(4), best]
        assert np.allclose(score, star["rlnLogLikeliContribution"], rtol=1e-4, atol=1e-5)
        assert found["image"].tolist() == star["rlnImageName"].tolist()
        assert found["score_kind"].item() == "log-likelihood"


def test_copies_are_placed_tomogram_by_tomogram(client: Client, job: str, tmp_path: Path):
    path = client.download_placed(job, tmp_path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        inside = {Path(name).name: archive.read(name).decode("latin-1") for name in names}
    assert {"class_1.mrc", "class_2.mrc", "TS_1.cxc", "TS-2.cxc", "TS_1_artiax.cxc"} <= set(inside)
    assert inside["TS_1.cxc"].count("volume copy") == 3
    assert inside["TS-2.cxc"].count("volume copy") == 1
    lists = [name for name in inside if name.endswith(".star")]
    for name in lists:
        (tmp_path / name).write_text(inside[name])
        assert name in inside["TS_1_artiax.cxc"] + inside["TS-2_artiax.cxc"]
    tables = [read_particles(tmp_path / name) for name in lists]
    assert sum(map(len, tables)) == 4
    star = read_particles(client.download_star(job, tmp_path))
    moved = PLACES + star.shifts_angstrom(VOXEL) / VOXEL
    places = {image.text: place for image, place in zip(star.images, moved, strict=True)}
    for table in tables:
        for image, place in zip(table.images, table.coordinates, strict=True):
            assert np.allclose(place, places[image.text], atol=1e-5)
        assert not table.shifts.any()


def test_a_tomogram_is_filled_with_averages(client: Client, job: str, tmp_path: Path):
    how = {"tomogram": "TS_1", "size": (64, 48, 24)}
    whole = client.download_map_back(job, tmp_path / "m.mrc", **how)
    with mrcfile.open(whole) as opened:
        assert opened.data.shape == (24, 48, 64)
        assert float(opened.voxel_size.x) == pytest.approx(VOXEL)
        volume = opened.data.copy()
    assert volume.any()
    assert not volume[:, :18].any()  # far from every particle
    binned = client.download_map_back(
        job, tmp_path / "b.mrc", tomogram="TS_1", size=(32, 24, 12), voxel_size=2 * VOXEL
    )
    with mrcfile.open(binned) as opened:
        assert opened.data.shape == (12, 24, 32)
        assert float(opened.voxel_size.x) == pytest.approx(2 * VOXEL)
        assert opened.data.any()
    expected = np.zeros((24, 48, 64))
    star = read_particles(client.download_star(job, tmp_path))
    for row in range(3):
        average = mrcfile.read(client.download_map(job, tmp_path, cls=star.classes[row]))
        shift = star.shifts_angstrom(VOXEL)[row] / VOXEL
        x, y, z = PLACES[row].astype(int) - BOX // 2
        low = max(0, -z)  # a box may reach beyond the tomogram
        copy = put_at(average, star.rotations[row], shift)[low : low + min(24, z + BOX)]
        expected[max(0, z) :][: len(copy), y : y + BOX, x : x + BOX] += copy
    assert np.allclose(volume, expected, atol=1e-4 * np.abs(expected).max())


def test_a_job_on_binned_particles_tells_places_and_voxels_of_the_volumes_that_came(
    client: Client, job: str, tmp_path: Path
):
    binned = client.select(job, "placed, binned", binning=2)
    coarse = client.submit(
        dataset=binned, algorithm="faml", iterations=1, classes=2, start={"kind": "poses"}
    )
    assert client.wait(coarse).status == "succeeded"
    first = {"iteration": 0}
    (tmp_path / "coarse").mkdir()

    def both(program: str) -> tuple[Path, Path]:
        return (
            client.download_particles(job, tmp_path, program=program),
            client.download_particles(coarse, tmp_path / "coarse", program=program, **first),
        )

    fine, less = map(dynamotable.read, both("dynamo"))
    kept = ["dx", "dy", "dz", "tdrot", "tilt", "narot", "x", "y", "z", "apix", "ref"]
    assert np.allclose(fine[kept], less[kept], atol=1e-4)
    fine, less = map(starfile.read, both("stopgap"))
    kept = ["orig_x", "orig_y", "orig_z", "x_shift", "y_shift", "z_shift", "phi", "psi", "the"]
    assert np.allclose(fine[kept], less[kept], atol=1e-4)
    with np.load(client.download_posteriors(coarse, tmp_path, **first)) as found:
        assert found["voxel_size_angstrom"] == 2 * VOXEL
    star = read_particles(client.download_star(coarse, tmp_path, **first))
    moved = VOXEL * PLACES + star.shifts_angstrom(VOXEL)
    with zipfile.ZipFile(client.download_placed(coarse, tmp_path, **first)) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("TS-2_class_2.star"))
        (tmp_path / "placed.star").write_bytes(archive.read(name))
    placed = read_particles(tmp_path / "placed.star")
    assert placed.boxes == (str(BOX // 2),)
    assert np.allclose(2 * VOXEL * placed.coordinates, moved[3:], atol=1e-4)
    how = {"tomogram": "TS_1", "size": (64, 48, 24), **first}
    with mrcfile.open(client.download_map_back(coarse, tmp_path / "m.mrc", **how)) as opened:
        assert float(opened.voxel_size.x) == pytest.approx(2 * VOXEL)
        assert opened.data[:, 25:].max() == 0.0  # beyond row 30 / 2 and half a box of 16 / 2
        assert opened.data[:, 12:18].any()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("tomogram=TS_9&size=8,8,8", "no tomogram 'TS_9' in the table: it has TS_1, TS 2"),
        ("tomogram=TS_1&size=99999,9,9", "is not made"),
        ("tomogram=TS_1&size=0,9,9", "is not made"),
        ("tomogram=TS_1&size=8,8", "size"),
        ("tomogram=TS_1&size=8,8,8&voxel_size=-1", "voxel_size"),
    ],
)
def test_what_cannot_be_mapped_back_is_refused(service: Served, job: str, query: str, words: str):
    answer = service.client.get(f"/jobs/{job}/iterations/last/map_back.mrc?{query}")
    assert answer.status_code == 422
    assert words in answer.text


def test_without_coordinates_nothing_is_placed(
    service: Served, worker: WorkerProcess, dataset: str, client: Client, tmp_path: Path
):
    made = service.client.post("/jobs", json=small_spec(dataset)).json()["id"]
    service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"})
    for name in ("placed.zip", "particles.tbl?recentred=true", "motive_list.star?recentred=true"):
        answer = service.client.get(f"/jobs/{made}/iterations/last/{name}")
        assert (answer.status_code, "has no coordinates" in answer.text) == (422, True)
    with pytest.raises(HTTPProblem, match="has no coordinates"):
        client.download_map_back(made, tmp_path, tomogram="tomogram", size=(8, 8, 8))
    table = dynamotable.read(client.download_particles(made, tmp_path, program="dynamo"))
    assert table["tag"].tolist() == [1, 2, 3, 4]
    assert client.download_tomogram_numbers(made, tmp_path).read_text() == ""


def test_files_that_are_gone_are_told(service: Served, job: str):
    folder = service.store.files.iteration(job, 1)
    (folder / "poses.npz").rename(folder / "aside")
    answer = service.client.get(f"/jobs/{job}/iterations/1/particles.tbl")
    (folder / "aside").rename(folder / "poses.npz")
    assert answer.status_code == 404
    assert "poses.npz is not on the disk any more" in answer.json()["detail"]


def test_the_command_fetches_for_other_programs(
    service: Served, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SUBTOMO_URL", service.url)
    monkeypatch.setenv("SUBTOMO_TOKEN", service.token)

    def run(*options: str) -> set[str]:
        folder = tmp_path / options[1]
        said = CliRunner().invoke(app, ["fetch", job, "--to", str(folder), *options])
        assert said.exit_code == 0, said.output
        return {path.name for path in folder.iterdir()}

    files = run("--as", "dynamo", "--posteriors", "--placed")
    assert files == {
        "class_1.em",
        "class_2.em",
        "particles.tbl",
        "tomograms.doc",
        "posteriors.npz",
        "placed.zip",
    }
    files = run("--as", "stopgap", "--recentred", "--map-back", "TS 2", "--size", "100,100,100")
    assert files == {
        "class_1.mrc",
        "class_2.mrc",
        "motive_list.star",
        "tomograms.doc",
        "TS_2_map_back.mrc",
    }
    for wrong in (["--recentred"], ["--map-back", "TS_1"], ["--size", "8,8,8"]):
        refused = CliRunner().invoke(app, ["fetch", job, "--to", str(tmp_path), *wrong])
        assert refused.exit_code != 0


def test_the_page_offers_every_form(service: Served, job: str):
    cookie = {"authorization": f"Bearer {service.token}", "accept": "text/html"}
    page = httpx.get(f"{service.url}/jobs/{job}", headers=cookie, trust_env=False).text
    for name in ("particles.tbl", "motive_list.star", "posteriors.npz", "placed.zip"):
        assert f"/api/v1/jobs/{job}/iterations/last/{name}" in page


def test_archives_hold_bytes_as_well(service: Served, job: str):
    answer = service.client.get(f"/jobs/{job}/iterations/last/placed.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
