"""Datasets whose particles the server makes, and the truth about them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from subtomo import Client, Rejected
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.score import correlation
from subtomo_core.simulate import asymmetric_blob
from subtomo_core.spec.missing_region import Wedge
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.volumes import read_volume
from support.serving import Served

BOX, VOXEL = 24, 6.0
RECIPE = {"box": BOX, "voxel_size_angstrom": VOXEL, "counts": [3], "snr": 1e6}


@pytest.fixture
def client(service: Served):
    with Client(service.url, service.token) as made:
        yield made


def truth_of(client: Client, dataset, folder: Path):
    files = {path.name: path for path in client.download_truth(dataset, folder)}
    return files, read_particles(files["true_poses.star"])


def test_what_is_put_in_at_a_pose_comes_out_at_it(service, client, tmp_path):
    tilts = {"first_deg": -50, "last_deg": 60}
    crowd = {"junk": 1}
    made = client.simulate("trial", ["blob", "blob:6"], tilts=tilts, crowd=crowd, **RECIPE)
    assert (made.status, made.particles, made.box, made.voxel_size_angstrom) == (
        "ready",
        7,
        BOX,
        VOXEL,
    )
    window = Wedge(tilt_min_deg=-50.0, tilt_max_deg=60.0)
    assert made.missing == window.model_dump(mode="json")
    assert made.simulation["structures"] == ["blob", "blob:6"]
    files, table = truth_of(client, made, tmp_path)
    assert sorted(files) == ["picture.png", "true_1.mrc", "true_2.mrc", "true_poses.star"]
    assert sorted(table.classes) == [0, 1, 1, 1, 2, 2, 2]
    particles = StackParticles(service.store.files.dataset(made.id))
    shifts = table.shifts_angstrom(VOXEL) / VOXEL
    for index, k in enumerate(table.classes):
        if k:
            true = read_volume(files[f"true_{k}.mrc"]).array
            posed = rotate(true, table.rotations[index], shifts[index])
            seen = to_real(to_fourier(posed) * observed(window, BOX))
            assert correlation(particles.volume(index), seen) > 0.99


def test_sums_come_with_weights_and_the_names_of_the_truth(service, client, tmp_path):
    made = client.simulate("sums", ["complex:D2"], form="sums", tilts={"step_deg": 10}, **RECIPE)
    assert made.missing == {"kind": "weights"}
    folder = service.store.files.dataset(made.id)
    particles = StackParticles(folder)
    _, table = truth_of(client, made, tmp_path)
    own = read_particles(folder / "particles.star")
    assert [i.text for i in own.images] == [i.text for i in table.images]
    assert len(set(own.tomograms)) == 3
    for index in range(3):
        weight = particles.weight(index)
        assert weight.shape == (BOX, BOX, BOX // 2 + 1)
        assert (weight > 0).mean() > 0.2


def test_a_structure_may_be_a_file_that_is_uploaded(client, tmp_path):
    path = tmp_path / "own.mrc"
    density = asymmetric_blob(90.0).density(BOX, VOXEL)
    write_volume(path, density, VOXEL)
    made = client.simulate("own", [path], **RECIPE)
    files, _ = truth_of(client, made, tmp_path / "truth")
    assert correlation(read_volume(files["true_1.mrc"]).array, density) > 0.999


def test_files_that_no_structure_names_are_remarked_on(service, client, tmp_path):
    made = client.create_dataset("more", simulation={"structures": ["blob"], **RECIPE})
    service.client.put(f"/datasets/{made.id}/files/other.mrc", content=b"anything")
    (remark,) = client.seal(made).remarks
    assert "other.mrc" in remark


def test_what_is_simulated_counts_as_it_lies_on_the_disk(service, client):
    before = client.usage().datasets_bytes
    made = client.simulate("size", ["blob"], **RECIPE)
    folder = service.store.files.dataset(made.id)
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".json")
    assert client.usage().datasets_bytes - before == made.size_bytes
    assert made.size_bytes == sum(path.stat().st_size for path in files)
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_truth_is_for_those_who_may_read_the_dataset(service, client):
    made = client.simulate("mine", ["blob"], **RECIPE)
    address = f"/datasets/{made.id}/truth"
    with service.another_user() as other:
        assert other.get(address).status_code == 404
        assert other.get(f"{address}/true_1.mrc").status_code == 404
    assert service.client.get(f"{address}/true_1.mrc").status_code == 200
    for name in ("index.json", "true_9.mrc", "..%2Fdataset.json"):
        assert service.client.get(f"{address}/{name}").status_code == 404
    sent = service.client.get(f"{address}/picture.png")
    assert sent.headers["content-disposition"].startswith("inline")
    assert sent.content.startswith(b"\x89PNG")


def test_other_datasets_have_no_truth(service, dataset):
    assert service.client.get(f"/datasets/{dataset}/truth").json() == {"items": []}
    assert service.client.get(f"/datasets/{dataset}").json()["simulation"] is None


@pytest.mark.parametrize(
    ("changes", "pointer", "sentence"),
    [
        ({"structures": ["blub"]}, "/simulation/structures/0", "neither a file nor a phantom"),
        ({"structures": []}, "/simulation", "name at least one structure"),
        ({"structures": ["shell:Q"]}, "/simulation/structures/0", "the symmetry 'Q' is unknown"),
        ({"counts": [0]}, "/simulation/counts/0", "must be at least 1"),
        ({"counts": [20000]}, "", "are too many for the server: ask for at most 9709"),
        ({"snr": -1}, "/simulation/snr", "'snr' must be above 0"),
        ({"form": "images"}, "/simulation/form", "'form' must be"),
        ({"tilts": {"first_deg": 60, "last_deg": -60}}, "/simulation/tilts", "a tilt series from"),
        (
            {"tilts": {"step": 3}},
            "/simulation/tilts/step",
            "unknown field 'step': did you mean 'simulation.tilts.step_deg'?",
        ),
        ({"microscope": {"voltage_kv": 0}}, "/simulation/microscope", "voltage_kv must lie"),
        ({"crowd": {"neighbours": 2}}, "/simulation", "simulated in images only"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_where_it_does_not(
    service, changes, pointer, sentence
):
    body = {"name": "no", "simulation": {"structures": ["blob"], **RECIPE, **changes}}
    answer = service.client.post("/datasets", json=body)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert sentence in error["detail"]
    assert error.get("pointer", "") == pointer


def test_what_tells_of_files_has_no_place_beside_a_recipe(service):
    body = {"name": "no", "simulation": {"structures": ["blob"]}, "missing": {"kind": "none"}}
    answer = service.client.post("/datasets", json=body)
    assert answer.status_code == 422
    assert "'missing' has no meaning beside 'simulation'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("gone.pdb", None, "there is no file gone.pdb"),
        ("bad.pdb", b"nothing\n", "bad.pdb holds no atoms"),
        (
            "bad.cif.gz",
            gzip.compress(b"data_\n", mtime=0)[:-4],
            "bad.cif.gz: a damaged gzip file",
        ),
        ("bad.mrc", b"short", "bad.mrc"),
        ("../out.pdb", None, "climbs out of the dataset"),
    ],
)
def test_a_structure_that_cannot_be_read_is_told(service, client, name, content, sentence):
    made = client.create_dataset("bad", simulation={"structures": [name], **RECIPE})
    if content is not None:
        service.client.put(f"/datasets/{made.id}/files/{name}", content=content)
    with pytest.raises(Rejected, match=sentence):
        client.seal(made)


def test_a_better_file_mends_it(service, client, tmp_path):
    made = client.create_dataset("mended", simulation={"structures": ["own.mrc"], **RECIPE})
    with pytest.raises(Rejected):
        client.seal(made)
    write_volume(tmp_path / "own.mrc", asymmetric_blob(90.0).density(BOX, VOXEL), VOXEL)
    content = (tmp_path / "own.mrc").read_bytes()
    assert service.client.put(f"/datasets/{made.id}/files/own.mrc", content=content).is_success
    assert client.seal(made).status == "ready"


def test_the_same_recipe_makes_the_same_particles(service, client):
    made = [client.simulate("again", ["blob"], **RECIPE, seed=seed) for seed in (4, 4, 5)]
    one, two, three = (StackParticles(service.store.files.dataset(d.id)).volume(0) for d in made)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)
