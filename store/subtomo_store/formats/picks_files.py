"""Any list of picks, told by its content."""

from __future__ import annotations

import numpy as np

from subtomo_core.errors import InputError, Problem
from subtomo_store.files.readable import Readable
from subtomo_store.formats.av3 import is_av3, read_av3
from subtomo_store.formats.dynamo import read_dynamo
from subtomo_store.formats.motive_list import MotiveList
from subtomo_store.formats.picks import Picks, PixelSize
from subtomo_store.formats.picks_json import read_json_picks
from subtomo_store.formats.picks_star import read_star_picks
from subtomo_store.formats.picks_text import read_text_picks
from subtomo_store.formats.pytom import is_pytom, read_pytom
from subtomo_store.formats.stopgap import is_stopgap, read_stopgap

_JSON = (".json", ".ndjson", ".jsonl")


def read_picks(path: Readable, name: str, pixel: PixelSize) -> Picks:
    """Read a list of picks: places, and the tomograms and poses that it tells.

    RELION's and Warp's STAR, pytom-match-pick's, STOPGAP's and AV3's motive lists, PyTom's XML,
    Dynamo's tables (``.tbl``), copick's JSON, the CryoET Data Portal's ndjson, and text.

    Raises
    ------
    InputError
        Every problem found, each with file, row and column.
    """
    ending = name.lower()
    if ending.endswith(_JSON):
        return read_json_picks(path, name, pixel)
    if ending.endswith(".tbl"):
        return _of_dynamo(path, name, pixel)
    if ending.endswith(".star") and not is_stopgap(path):
        return read_star_picks(path, name, pixel)
    found = _motive_list(path, name)
    if found is not None:
        return _of_list(found, name, pixel)
    return read_text_picks(path, name, pixel)


def _motive_list(path: Readable, name: str) -> MotiveList | None:
    if name.lower().endswith(".star"):
        return read_stopgap(path, name)
    if is_av3(path, name):
        return read_av3(path, name)
    return read_pytom(path, name) if is_pytom(path, name) else None


def _of_dynamo(path: Readable, name: str, pixel: PixelSize) -> Picks:
    table = read_dynamo(path, name)
    if table.coordinates is None:
        raise _no_places(name, "its columns 24 to 26 (x, y, z) are 0 throughout")
    turned = (table.rotations != np.eye(3)).any()
    return Picks(
        program="Dynamo",
        centres=(table.coordinates + table.shifts) * pixel.usual,
        tomograms=table.tomograms,
        rotations=table.rotations if turned else None,
    )


def _of_list(found: MotiveList, name: str, pixel: PixelSize) -> Picks:
    if found.coordinates is None:
        raise _no_places(name, "it tells no places in tomograms")
    return Picks(
        program=found.program,
        centres=(found.coordinates + found.shifts) * pixel.usual,
        tomograms=found.tomograms,
        rotations=found.rotations,
        remarks=found.remarks,
    )


def _no_places(name: str, why: str) -> InputError:
    detail = f"{name}: {why}: give a list with the particles' places in their tomograms"
    return InputError(Problem(detail, file=name))
