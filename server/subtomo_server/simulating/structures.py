"""Structures by name: atomic models, maps and phantoms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from subtomo_core.errors import InputError, Problem
from subtomo_core.simulate import (
    MapStructure,
    Structure,
    asymmetric_blob,
    barrel,
    density_of_atoms,
    helix,
    shell,
    symmetric_phantom,
)
from subtomo_store.formats.volumes import is_volume_name, read_volume

_MODELS = (".pdb", ".ent", ".cif", ".mmcif")
_FINEST = 2.0  # voxels: the resolution to which atomic models are made


def structure_of(text: str, box: int, voxel_size: float, diameter: float) -> Structure:
    """The structure which a file or the name of a phantom stands for.

    Parameters
    ----------
    text : str
        A path, or ``blob``, ``blob:SEED``, ``barrel``, ``helix``, ``complex:GROUP``,
        ``shell:GROUP``.
    box : int
        Side in voxels.
    voxel_size, diameter : float
        In ångström; the diameter is that of phantoms.

    Raises
    ------
    InputError
        If there is no such file, phantom or point group, or a map lies on another grid.
    """
    kind, _, detail = text.partition(":")
    makers: dict[str, Callable[[], Structure]] = {
        "blob": lambda: asymmetric_blob(diameter, seed=_seed(text, detail)),
        "barrel": lambda: barrel(diameter),
        "helix": lambda: helix(diameter_angstrom=0.5 * diameter, length_angstrom=diameter),
        "complex": lambda: symmetric_phantom(detail or "C1", diameter),
        "shell": lambda: shell(detail or "O", diameter),
    }
    if kind in makers:
        return makers[kind]()
    path = Path(text)
    if not path.is_file():
        raise InputError(
            Problem(
                f"{text} is neither a file nor a phantom: give a model (PDB, mmCIF), a map (MRC, "
                f"EM), or one of {', '.join(makers)}"
            )
        )
    if path.name.lower().removesuffix(".gz").endswith(_MODELS):
        return MapStructure(
            density_of_atoms(path, box, voxel_size, _FINEST * voxel_size), voxel_size
        )
    if is_volume_name(path.name):
        volume = read_volume(path, path.name)
        return MapStructure(volume.array, volume.voxel_size)
    endings = ", ".join(_MODELS)
    raise InputError(Problem(f"{path.name} is neither a model ({endings}) nor a map (.mrc, .em)"))


def _seed(text: str, detail: str) -> int:
    if detail and not detail.isdecimal():
        raise InputError(Problem(f"{text}: the seed of a blob is a number, as in blob:4"))
    return int(detail or 3)
