"""PyTom's particle lists: XML with a file, a rotation and a shift for each particle.

``Rotation`` has Z1, Z2 and X, which are phi, psi and theta of the TOM toolbox; ``Shift`` is in
voxels. PyTom's averaging (``transform`` in SBC-Utrecht/PyTom) shifts a particle by the
negative shift and turns it by (-Z2, -Z1, -X): `rotations.from_tom_angles`. The angles of a
``SingleTiltWedge`` are what is missing below and above.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.orientation.rotations import from_tom_angles
from subtomo_store.files.readable import Readable
from subtomo_store.formats.motive_list import MotiveList, above_0, filled
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star_columns import number_in
from subtomo_store.formats.text import read_text

_PEEK = 1 << 14
_READ = {"Rotation", "Shift", "PickPosition", "Wedge", "WedgeInfo"}
_HALF_TURN = 90.0


def is_pytom(path: Readable, name: str) -> bool:
    """Tell a list with particles by the beginning of an XML file."""
    if not name.lower().endswith(".xml"):
        return False
    with path.open("rb") as file:
        head = file.read(_PEEK)
    return b"<ParticleList" in head and re.search(rb"<Particle[\s>]", head) is not None


def read_pytom(path: Readable, name: str) -> MotiveList:
    """Read a particle list.

    Raises
    ------
    InputError
        Every problem found, each with file, row (counted from 1) and field.
    """
    particles = _root(read_text(path, name), name).findall(".//Particle")
    problems = Problems(patience=None)
    reader = _Reader(particles, name, problems)
    for row, particle in enumerate(particles, 1):
        rotation = particle.find("Rotation")
        paradigm = "ZXZ" if rotation is None else rotation.get("Paradigm", "ZXZ")
        if paradigm != "ZXZ":
            reader.add(row, "Paradigm", f"is {paradigm[:40]!r}: write the list with ZXZ")
        if not particle.get("Filename"):
            reader.add(row, "Filename", "is missing: it names the particle's volume")
    angles = reader.vectors("Rotation", ("Z1", "Z2", "X"), needed=True)
    shifts = reader.vectors("Shift", ("X", "Y", "Z"))
    places = filled(reader.vectors("PickPosition", ("X", "Y", "Z")))
    tilts = _tilts(particles)
    problems.raise_all()
    classes = _classes(particles)
    return MotiveList(
        program="PyTom",
        rotations=from_tom_angles(angles),
        shifts=shifts,
        files=tuple(particle.get("Filename", "") for particle in particles),
        classes=classes,
        tomograms=_origins(particles),
        coordinates=places,
        tilts=tilts,
        remarks=_unread(particles, name, {"Class"} if classes is not None else set()),
    )


def _root(text: str, name: str) -> Element:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        detail = f"{name}: an XML file with a DOCTYPE is not read: PyTom writes none; remove it"
        raise InputError(Problem(detail, file=name))
    try:
        return fromstring(text)  # noqa: S314 - entities were refused
    except ParseError as error:
        detail = f"{name}: the XML is damaged ({error}): write the particle list again"
        raise InputError(Problem(detail, file=name)) from error


class _Reader:
    """Numbers of all particles, gathering a problem for each that does not fit."""

    def __init__(self, particles: Sequence[Element], file: str, problems: Problems):
        self._particles, self._file, self._problems = particles, file, problems

    def add(self, row: int, field: str, sentence: str) -> None:
        """Note a problem of a particle."""
        detail = f"{self._file}, particle {row}: {field} {sentence}"
        self._problems.add(Problem(detail, file=self._file, row=row, column=field))

    def vectors(
        self, tag: str, names: Sequence[str], *, needed: bool = False
    ) -> NDArray[np.float64]:
        """Attributes side by side, (N, len(names)); 0 where an element is not there."""
        values = np.zeros((len(self._particles), len(names)))
        for row, particle in enumerate(self._particles):
            element = particle.find(tag)
            if element is None:
                if needed:
                    self.add(row + 1, tag, "is missing: the particle has no pose")
                continue
            for at, name in enumerate(names):
                text = element.get(name, "")
                value = number_in(text)
                if value is None:
                    said = f"is {text[:40]!r}: a finite number is needed"
                    self.add(row + 1, f"{tag} {name}", said)
                values[row, at] = value or 0.0
        return values


def _classes(particles: Sequence[Element]) -> NDArray[np.int64] | None:
    elements = [particle.find("Class") for particle in particles]
    found = [number_in(e.get("Name", "")) if e is not None else None for e in elements]
    return above_0(np.array([0.0 if value is None else value for value in found]))


def _origins(particles: Sequence[Element]) -> tuple[str, ...] | None:
    elements = [particle.find("PickPosition") for particle in particles]
    names = tuple("" if e is None else e.get("Origin", "") for e in elements)
    return names if all(names) else None


def _tilts(particles: Sequence[Element]) -> NDArray[np.float64] | None:
    """First and last tilt about y of each particle; NaN where a wedge of another kind stands."""
    tilts = np.full((len(particles), 2), np.nan)
    for row, particle in enumerate(particles):
        wedge = particle.find(".//SingleTiltWedge")
        wedge = particle.find("WedgeInfo") if wedge is None else wedge
        if wedge is None or _turned(wedge):
            continue
        missing = [number_in(wedge.get(name, "")) for name in ("Angle1", "Angle2")]
        if missing[0] is not None and missing[1] is not None:
            tilts[row] = missing[0] - _HALF_TURN, _HALF_TURN - missing[1]
    return None if np.isnan(tilts).all() else tilts


def _turned(wedge: Element) -> bool:
    """Whether the tilt axis is not y."""
    axis = wedge.find("TiltAxisRotation")
    return axis is not None and any(number_in(value) != 0 for value in axis.attrib.values())


def _unread(particles: Sequence[Element], name: str, used: set[str]) -> tuple[str, ...]:
    tags = dict.fromkeys(child.tag for particle in particles for child in particle)
    left = [tag for tag in tags if tag not in _READ | used]
    return (f"not read of {name}: {', '.join(left)}",) if left else ()
