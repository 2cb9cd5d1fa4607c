"""Files of other programs that are not read: what they are, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from subtomo_store.datasets.material import Material
from subtomo_store.formats.problems import named

_PEEK = 1 << 12
_TO_STAR = "give the poses as a RELION STAR file, a Dynamo table or a motive list with the volumes"
_PEET = (
    "belongs to PEET, which counts the points of an IMOD model in a tomogram and keeps no "
    "volumes: cut the volumes out and " + _TO_STAR
)
_EMAN = f"belongs to EMAN2: {_TO_STAR}"
_HDF = (
    "is an HDF5 file, as EMAN2 keeps volumes: make MRC files of it with 'e2proc3d.py in.hdf "
    "out.mrc --unstacking'"
)
_EMCLARITY = (
    "is a list of emClarity, which keeps places and poses in a tomogram and no volumes: cut the "
    f"volumes out and {_TO_STAR}"
)
# Ending of the name, beginning of the content, and what is said of it.
_KINDS: tuple[tuple[str, re.Pattern[bytes], str], ...] = (
    (r"\.csv", re.compile(rb"(?s)CCC,.*pIndex"), _PEET),
    (r"\.csv", re.compile(rb"(?:[-+\d.eE]+[ ,\t]+){25}[-+\d.eE]+\s"), _EMCLARITY),
    (r"\.mod", re.compile(rb"IMOD"), _PEET),
    (r"\.lst", re.compile(rb"#LS[XT]"), _EMAN),
    (r"\.json", re.compile(rb"(?s).*xform\.align3d"), _EMAN),
    (r"\.(hdf5?|h5)", re.compile(rb"\x89HDF"), _HDF),
)


def told_of(material: Material, names: Iterable[str]) -> list[str]:
    """Say of files that were left out what they are, one remark for each kind."""
    found: dict[str, list[str]] = {}
    for name in names:
        kind = _kind(material, name)
        if kind:
            found.setdefault(kind, []).append(name)
    return [f"{named(files)} {kind}" for kind, files in found.items()]


def _kind(material: Material, name: str) -> str:
    kinds = [k for k in _KINDS if re.search(f"{k[0]}$", name, re.IGNORECASE)]
    if not kinds:
        return ""
    with material.file(name).open("rb") as file:
        head = file.read(_PEEK)
    return next((said for _, pattern, said in kinds if pattern.match(head)), "")
