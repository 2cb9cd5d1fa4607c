"""Atomic models to density maps."""

from __future__ import annotations

import math
import os
from pathlib import Path

import gemmi
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem


def density_of_atoms(
    path: str | os.PathLike[str],
    box: int,
    voxel_size_angstrom: float,
    resolution_angstrom: float,
) -> NDArray[np.float32]:
    """Electrostatic density of an atomic model at a resolution, centred on its mass.

    Electron scattering factors of every atom but hydrogens and waters, with a Gaussian fall-off
    to 1/e at the resolution (the convention of Chimera's ``molmap``) in place of the model's
    own B factors.

    Parameters
    ----------
    path : path-like
        PDB or mmCIF file, plain or gzipped.
    box : int
        Side n in voxels.
    voxel_size_angstrom, resolution_angstrom : float
        The resolution is at least two voxels.

    Returns
    -------
    ndarray
        Shape (n, n, n), axes z, y, x, the centre of mass at voxel n // 2.

    Raises
    ------
    InputError
        If the file cannot be read, holds no atoms, or does not fit the box.
    """
    if resolution_angstrom < 2.0 * voxel_size_angstrom:
        raise InputError(
            Problem(
                f"a resolution of {resolution_angstrom:g} Å needs voxels of at most "
                f"{resolution_angstrom / 2:g} Å, not {voxel_size_angstrom:g} Å"
            )
        )
    structure = _read(path)
    model = structure[0]
    extent = box * voxel_size_angstrom
    _centre(model, extent, (box // 2) * voxel_size_angstrom, Path(path).name)
    blur = 4.0 * resolution_angstrom**2
    for site in model.all():
        site.atom.b_iso = blur
    fine = math.ceil(5.0 * voxel_size_angstrom / resolution_angstrom)
    # gemmi stops where an atom's density falls below this: 1e-4 of a light atom's peak.
    cutoff = 1e-4 * (4.0 * math.pi / blur) ** 1.5
    return _coarsen(_sample(structure, extent, fine * box, cutoff), box)


def _read(path: str | os.PathLike[str]) -> gemmi.Structure:
    name = Path(path).name
    try:
        structure = gemmi.read_structure(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            Problem(f"{name} cannot be read as PDB or mmCIF: {error}", file=name)
        ) from error
    structure.remove_hydrogens()
    structure.remove_waters()
    structure.remove_alternative_conformations()
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise InputError(Problem(f"{name} holds no atoms", file=name))
    return structure


def _centre(model: gemmi.Model, extent: float, middle: float, name: str) -> None:
    """Move the centre of mass to ``middle`` on each axis of a cell of side ``extent``."""
    centre = np.array(model.calculate_center_of_mass().tolist())
    move = gemmi.Transform()
    move.vec.fromlist((middle - centre).tolist())
    model.transform_pos_and_adp(move)
    positions = np.array([site.atom.pos.tolist() for site in model.all()])
    reach = np.abs(positions - middle).max()
    if reach > extent / 2:
        detail = f"{name} needs a box of {2 * reach:.0f} Å, this one has {extent:.0f} Å"
        raise InputError(Problem(detail, file=name))


def _sample(
    structure: gemmi.Structure, extent: float, points: int, cutoff: float
) -> NDArray[np.float32]:
    """Density on a periodic grid; gemmi may choose more points than asked for."""
    structure.cell = gemmi.UnitCell(extent, extent, extent, 90, 90, 90)
    structure.spacegroup_hm = "P 1"
    calculator = gemmi.DensityCalculatorE()
    calculator.d_min = 2.0 * extent / points
    calculator.rate = 1.0
    calculator.cutoff = cutoff
    calculator.set_grid_cell_and_spacegroup(structure)
    calculator.put_model_density_on_grid(structure[0])
    return np.ascontiguousarray(np.asarray(calculator.grid.array, np.float32).T)


def _coarsen(density: NDArray[np.float32], box: int) -> NDArray[np.float32]:
    """Low-pass a periodic cubic map to ``box`` voxels a side; voxel 0 stays where it is.

    Components at Nyquist and beyond, the corners of the transform too, are left out: the map
    can then be rotated without loss.
    """
    fine = density.shape[0]
    spectrum = scipy.fft.rfftn(density)
    full = np.fft.fftfreq(box, 1.0 / box).astype(int)
    half = np.arange(box // 2 + 1)
    cropped = spectrum[np.ix_(full, full, half)]
    squares = full[:, None, None] ** 2 + full[:, None] ** 2 + half**2
    cropped[squares >= (box / 2) ** 2] = 0.0
    coarse = scipy.fft.irfftn(cropped, s=(box,) * 3) * (box / fine) ** 3
    result: NDArray[np.float32] = coarse.astype(np.float32)
    return result
