"""Motive lists as their programs write them, with poses converted independently."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import emfile
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STOPGAP = [
    *("motl_idx", "tomo_num", "object", "subtomo_num", "halfset", "orig_x", "orig_y", "orig_z"),
    *("score", "x_shift", "y_shift", "z_shift", "phi", "psi", "the", "class"),
]


def tom_euler(rotation: Array) -> tuple[float, float, float]:
    """(phi, psi, theta) in degrees of ``Rz(psi) Rx(theta) Rz(phi)``, written out.

    Its last column is (sin psi sin theta, -cos psi sin theta, cos theta), its last row
    (sin theta sin phi, sin theta cos phi, cos theta).
    """
    phi = math.atan2(rotation[2, 0], rotation[2, 1])
    psi = math.atan2(rotation[0, 2], -rotation[1, 2])
    return math.degrees(phi), math.degrees(psi), math.degrees(math.acos(rotation[2, 2]))


def write_stopgap(path: Path, rotations: Array, shifts: Array, **columns: object) -> None:
    """Write a STOPGAP motive list; the columns named are one value for all, or a list."""
    rows = []
    for at, (rotation, shift) in enumerate(zip(rotations, shifts, strict=True)):
        phi, psi, the = tom_euler(rotation)
        row = dict.fromkeys(STOPGAP, "1") | {
            "motl_idx": at + 1,
            "subtomo_num": at + 1,
            "halfset": "AB"[at % 2],
            **dict(zip(("x_shift", "y_shift", "z_shift"), shift, strict=True)),
            **{"phi": phi, "psi": psi, "the": the},
        }
        row |= {k: v[at] if isinstance(v, list) else v for k, v in columns.items()}
        rows.append("\t".join(str(value) for value in row.values()))
    head = "".join(f"_{name}\n" for name in STOPGAP)
    path.write_text(f"\ndata_stopgap_motivelist\n\nloop_\n{head}\n" + "\n".join(rows) + "\n")


def write_av3(path: Path, rotations: Array, shifts: Array, **columns: float | Array) -> None:
    """Write an AV3 motive list; ``c5=7`` sets column 5."""
    table = np.zeros((len(rotations), 20), np.float32)
    for at, (rotation, shift) in enumerate(zip(rotations, shifts, strict=True)):
        table[at, [3, 4, 19]] = at + 1, 7, 1
        table[at, 10:13], table[at, 16:19] = shift, tom_euler(rotation)
    for name, values in columns.items():
        table[:, int(name[1:]) - 1] = values
    emfile.write(path, table[None], overwrite=True)


def write_pytom(
    path: Path,
    files: list[str],
    rotations: Array,
    shifts: Array,
    wedge: tuple[float, float] = (30, 30),
) -> None:
    """Write a PyTom particle list; the wedge is what is missing."""
    root = ElementTree.Element("ParticleList")
    for at, file in enumerate(files):
        phi, psi, theta = tom_euler(rotations[at])
        x, y, z = shifts[at]
        particle = ElementTree.SubElement(root, "Particle", Filename=file)
        add(particle, "Rotation", Z1=phi, Z2=psi, X=theta, Paradigm="ZXZ")
        add(particle, "Shift", X=x, Y=y, Z=z)
        add(particle, "PickPosition", X=10 + at, Y=20, Z=30, Origin="tomo1.mrc", Binning=1)
        holder = add(particle, "Wedge", Type="SingleTiltWedge")
        single = add(holder, "SingleTiltWedge", Angle1=wedge[0], Angle2=wedge[1], Smooth=0.0)
        add(single, "TiltAxisRotation", Z1=0.0, Z2=0.0, X=0.0)
        add(particle, "Score", Type="FLCFScore", Value=0.5)
        add(particle, "Class", Name=1 + at % 2)
    ElementTree.ElementTree(root).write(path)


def add(parent: ElementTree.Element, tag: str, **attributes: object) -> ElementTree.Element:
    """A child with attributes of any kind."""
    said = {name: str(value) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, said)
