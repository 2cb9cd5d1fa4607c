"""Structures by name: atomic models, maps and phantoms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from subtomo_core.errors import InputError, Problem
from subtomo_core.simulate import (
    GaussianStructure,
    MapStructure,
    Structure,
    asymmetric_blob,
    barrel,
    density_of_atoms,
    helix,
    shell,
    symmetric_phantom,
)
from subtomo_store.formats.packed import packing_of, unpacked
from subtomo_store.formats.volumes import is_volume_name, read_header, read_volume

_MODELS = (".pdb", ".ent", ".cif", ".mmcif")
_LARGEST_MODEL = 1 << 29  # bytes
_CHUNK = 1 << 20
_PROTEIN = 0.17  # peak of protein at 10 Å, as density_of_atoms makes it
_FINEST = 2.0  # voxels: the resolution to which atomic models are made


def structure_of(
    text: str, find: Callable[[str], Path], box: int, voxel_size: float, diameter: float
) -> Structure:
    """The structure which a file or the name of a phantom stands for.

    Parameters
    ----------
    text : str
        Name of a file, or ``blob``, ``blob:SEED``, ``barrel``, ``helix``, ``complex:GROUP``,
        ``shell:GROUP``.
    find : callable
        Where the file of a name lies.
    box : int
        Side in voxels.
    voxel_size, diameter : float
        In ångström; the diameter is that of phantoms.

    Raises
    ------
    InputError
        If there is no such file, phantom or point group, or a map lies on another grid.
    """
    found = phantom(text, diameter)
    if found is not None:
        return found
    path = find(text)
    if not path.is_file():
        raise InputError(Problem(f"there is no file {text}, which a structure names", file=text))
    if _is_model(text):
        _check_size(path)
        density = density_of_atoms(path, box, voxel_size, _FINEST * voxel_size)
        return MapStructure(density, voxel_size)
    return _map(path, box, voxel_size)


def check_name(text: str) -> None:
    """Refuse what is neither a phantom nor the name of a model or map.

    Raises
    ------
    InputError
        Saying what there is.
    """
    if phantom(text, 100.0) is None and not (_is_model(text) or is_volume_name(text)):
        raise InputError(
            Problem(
                f"{text} is neither a file nor a phantom: give a model ({', '.join(_MODELS)}), a "
                f"map (.mrc, .em), or one of {', '.join(PHANTOMS)}"
            )
        )


def phantom(text: str, diameter: float) -> Structure | None:
    """The phantom of a name, as dense as protein; None where the name is not one of a phantom."""
    kind, _, detail = text.partition(":")
    if kind not in PHANTOMS:
        return None
    return PHANTOMS[kind](diameter, detail).with_peak(_PROTEIN)


PHANTOMS: dict[str, Callable[[float, str], GaussianStructure]] = {
    "blob": lambda diameter, seed: asymmetric_blob(diameter, seed=_seed(seed)),
    "barrel": lambda diameter, _: barrel(diameter),
    "helix": lambda diameter, _: helix(diameter_angstrom=0.5 * diameter, length_angstrom=diameter),
    "complex": lambda diameter, group: symmetric_phantom(group or "C1", diameter),
    "shell": lambda diameter, group: shell(group or "O", diameter),
}


def _map(path: Path, box: int, voxel_size: float) -> Structure:
    header = read_header(path)
    if header.shape[-1] != box:
        detail = f"{path.name} has a box of {header.shape[-1]} voxels, not of {box}: crop or pad it"
        raise InputError(Problem(detail, file=path.name))
    # A structure of 1 Å a voxel is taken at its header's word: there is nobody to ask.
    volume = read_volume(path, path.name, header.said_voxel_size or voxel_size)
    return MapStructure(volume.array, volume.voxel_size)


def _is_model(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(_MODELS)


def _check_size(path: Path) -> None:
    """Refuse a model that would fill the memory, or is no whole file if it is packed."""
    size, packing = path.stat().st_size, packing_of(path)
    if packing is not None:
        size = 0
        with unpacked(path, packing, path.name) as stream:
            while size <= _LARGEST_MODEL and (chunk := stream.read(_CHUNK)):
                size += len(chunk)
    if size > _LARGEST_MODEL:
        detail = f"{path.name} is larger than {_LARGEST_MODEL >> 20} MiB: leave out what is not "
        raise InputError(Problem(f"{detail}looked at", file=path.name))


def _seed(detail: str) -> int:
    if detail and not detail.isdecimal():
        raise InputError(Problem(f"blob:{detail}: the seed of a blob is a number, as in blob:4"))
    return int(detail or 3)
