from __future__ import annotations

import gzip

import numpy as np
import pytest

from subtomo_core.errors import InputError
from subtomo_core.simulate import density_of_atoms
from support.shared_data import shared_data

ATOM = (
    "ATOM  {i:5d}  {name:<3s} {res} A{n:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00"
    "          {element:>2s}\n"
)


def pdb(*atoms):
    lines = [
        ATOM.format(i=i + 1, n=i + 1, name=name, res=res, x=x, y=y, z=z, element=element)
        for i, (name, element, res, x, y, z) in enumerate(atoms)
    ]
    return "".join(lines) + "END\n"


def carbon(x, y, z):
    return ("CA", "C", "ALA", x, y, z)


@pytest.fixture
def model(tmp_path):
    def write(*atoms):
        path = tmp_path / "model.pdb"
        path.write_text(pdb(*atoms))
        return path

    return write


@pytest.mark.parametrize("box", [23, 24])
def test_one_atom_is_a_gaussian_of_the_resolution_at_the_origin(model, box):
    """Fall-off to 1/e at the resolution d: a width of d / (pi sqrt 2), plus the atom's own."""
    volume = density_of_atoms(model(carbon(31.0, -7.0, 5.0)), box, 2.0, 10.0)
    middle = box // 2
    assert np.unravel_index(volume.argmax(), volume.shape) == (middle,) * 3
    axis = (np.arange(box) - middle) * 2.0
    profile = volume.sum((0, 1), dtype=float)
    width = np.sqrt((profile * axis**2).sum() / profile.sum())
    assert width == pytest.approx(10.0 / (np.pi * np.sqrt(2)), rel=0.08)


def test_the_centre_of_mass_lies_at_the_origin_and_axes_are_z_y_x(model):
    volume = density_of_atoms(
        model(carbon(20, 0, 0), carbon(-10, 0, 0), carbon(-10, 0, 0)), 32, 3.0, 9.0
    )
    strongest = np.unravel_index(volume.argmax(), volume.shape)
    assert strongest == (16, 16, 13)
    assert volume[16, 16, 23] == pytest.approx(0.5 * volume.max(), rel=0.15)


def test_total_density_does_not_depend_on_grid_or_resolution(model):
    path = model(carbon(0, 0, 0), carbon(8, 3, -4))
    totals = [
        density_of_atoms(path, box, 96.0 / box, d).sum() * (96.0 / box) ** 3
        for box, d in ((24, 10.0), (32, 10.0), (48, 20.0))
    ]
    assert totals == pytest.approx([totals[0]] * 3, rel=0.01)


def test_waters_and_hydrogens_do_not_count(model, tmp_path):
    bare = density_of_atoms(model(carbon(0, 0, 0)), 16, 3.0, 9.0)
    dressed = density_of_atoms(
        model(carbon(0, 0, 0), ("H", "H", "ALA", 1, 0, 0), ("O", "O", "HOH", 9, 0, 0)),
        16,
        3.0,
        9.0,
    )
    assert np.allclose(bare, dressed)


def test_gzip_is_read(model, tmp_path):
    path = model(carbon(0, 0, 0))
    packed = tmp_path / "model.pdb.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(
        density_of_atoms(packed, 16, 3.0, 9.0), density_of_atoms(path, 16, 3.0, 9.0)
    )


def test_problems_are_told_in_a_sentence(model, tmp_path):
    path = model(carbon(0, 0, 0), carbon(100, 0, 0))
    with pytest.raises(InputError, match="needs a box of 100 Å, this one has 48 Å"):
        density_of_atoms(path, 16, 3.0, 9.0)
    with pytest.raises(InputError, match="voxels of at most"):
        density_of_atoms(path, 16, 6.0, 9.0)
    with pytest.raises(InputError, match="holds no atoms"):
        density_of_atoms(model(("O", "O", "HOH", 0, 0, 0)), 16, 3.0, 9.0)
    with pytest.raises(InputError, match=r"nowhere\.pdb cannot be read"):
        density_of_atoms(tmp_path / "nowhere.pdb", 16, 3.0, 9.0)


def test_groel_of_the_shared_data():
    volume = density_of_atoms(shared_data("models", "1MNF_14mer.cif.gz"), 40, 6.0, 15.0)
    inside = volume > 0.3 * volume.max()
    extents = [
        np.ptp(np.nonzero(inside.any(tuple({0, 1, 2} - {axis})))[0]) * 6.0 for axis in range(3)
    ]
    assert min(extents) > 110.0
    assert max(extents) < 160.0
