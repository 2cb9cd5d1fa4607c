"""Picks in JSON: copick's files, and the point annotations of the CryoET Data Portal (ndjson).

copick (as its page on geometry says): places in Å from the tomogram's first voxel; the
matrix takes a point of the particle to the tomogram, and its translation moves the place. The
portal: a JSON object in each line, places in voxels of the annotated tomogram, and
``xyz_rotation_matrix`` as copick's.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat, TypeAdapter, ValidationError

from subtomo_core.errors import InputError, Problem
from subtomo_store.files.readable import Readable
from subtomo_store.formats.picks import Picks, PixelSize
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.text import lines_of, read_text

Array = NDArray[np.float64]
_ORTHOGONAL = 0.01

_Row3 = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]
_Row4 = Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]


class _Location(BaseModel):
    x: FiniteFloat
    y: FiniteFloat
    z: FiniteFloat

    @property
    def vector(self) -> list[float]:
        return [self.x, self.y, self.z]


class _CopickPoint(BaseModel):
    location: _Location
    transformation_: Annotated[list[_Row4], Field(min_length=4, max_length=4)] | None = None


class _CopickFile(BaseModel):
    run_name: str | None = None
    unit: Literal["angstrom"] = "angstrom"
    points: list[_CopickPoint]
    trust_orientation: bool | None = True


class _PortalPoint(BaseModel):
    type: Literal["point", "orientedPoint"] = "point"
    location: _Location
    xyz_rotation_matrix: Annotated[list[_Row3], Field(min_length=3, max_length=3)] | None = None


_PORTAL_POINT = TypeAdapter(_PortalPoint)


def read_json_picks(path: Readable, name: str, pixel: PixelSize) -> Picks:
    """Read a file of copick, or point annotations of the CryoET Data Portal.

    Raises
    ------
    InputError
        Every problem found, each with the file and the point.
    """
    text = read_text(path, name)
    try:
        whole = json.loads(text)
    except ValueError:
        return _portal(text, name, pixel)
    if isinstance(whole, dict) and "points" in whole:
        return _copick(whole, name)
    return _portal(text, name, pixel)


def _copick(whole: object, name: str) -> Picks:
    try:
        file = _CopickFile.model_validate(whole)
    except ValidationError as error:
        raise InputError(*_told(error, name)) from error
    if not file.points:
        raise _empty(name)
    count = len(file.points)
    matrices = np.tile(np.eye(4), (count, 1, 1))
    for at, point in enumerate(file.points):
        if point.transformation_ is not None:
            matrices[at] = point.transformation_
    turns = matrices[:, :3, :3]
    known = bool(file.trust_orientation) and bool((turns != np.eye(3)).any())
    if known:
        _check(turns, name)
    return Picks(
        program="copick",
        centres=np.array([p.location.vector for p in file.points]) + matrices[:, :3, 3],
        tomograms=None if not file.run_name else (file.run_name,) * count,
        rotations=turns if known else None,  # copick writes unit matrices for want of any
    )


def _portal(text: str, name: str, pixel: PixelSize) -> Picks:
    problems = Problems()
    points: list[_PortalPoint] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        try:
            points.append(_PORTAL_POINT.validate_json(line))
        except ValidationError as error:
            problems.add(*_told(error, name, number))
    problems.raise_all()
    if not points:
        raise _empty(name)
    found = [point.xyz_rotation_matrix for point in points]
    rotations = None if any(matrix is None for matrix in found) else np.array(found, np.float64)
    if rotations is not None:
        _check(rotations, name)
    voxels = np.array([point.location.vector for point in points])
    return Picks(program="CryoET Data Portal", centres=voxels * pixel.usual, rotations=rotations)


def _check(rotations: Array, name: str) -> None:
    products = np.einsum("nij,nkj->nik", rotations, rotations)
    wrong = np.abs(products - np.eye(3)).max((1, 2)) > _ORTHOGONAL
    wrong |= np.linalg.det(rotations) < 0
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0]) + 1
        detail = (
            f"{name}, point {row}: its matrix is no rotation ({np.count_nonzero(wrong)} such "
            "points): correct it, or leave the matrices out"
        )
        raise InputError(Problem(detail, file=name, row=row))


def _told(error: ValidationError, name: str, line: int | None = None) -> list[Problem]:
    """Problems with the place in the file that pydantic tells."""
    told = []
    for wrong in error.errors():
        field = ".".join(str(part) for part in wrong["loc"])
        where = name if line is None else f"{name}, line {line}"
        what = f"{field}: {wrong['msg']}" if field else str(wrong["msg"])
        detail = (
            f"{where}: {what}: this is neither a file of copick nor an annotation of points of "
            "the CryoET Data Portal"
        )
        told.append(Problem(detail, file=name, row=line, column=field))
    return told


def _empty(name: str) -> InputError:
    return InputError(Problem(f"{name}: there are no points in it", file=name))
