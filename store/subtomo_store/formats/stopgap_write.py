"""STOPGAP's motive lists out."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from subtomo_core.orientation.rotations import tom_angles
from subtomo_store.formats.dynamo_write import poses_for
from subtomo_store.formats.result_table import ResultTable, numbers_of, tomogram_numbers
from subtomo_store.formats.star_write import numbers

BLOCK = "stopgap_motivelist"


def write_motive_list(target: BinaryIO, rows: ResultTable, *, recentred: bool = False) -> None:
    """Write a STOPGAP motive list; the same rows give the same bytes.

    Columns are in STOPGAP's order (``sg_get_motl_fields``). ``halfset`` is A and B for halves 1
    and 2, and A throughout where halves were not kept apart; ``object`` is 1. Poses and places
    are as `dynamo_write.write_dynamo` writes them.

    Raises
    ------
    InputError
        If places are wanted and not known.
    """
    rotations, shifts, places = poses_for(rows, recentred=recentred)
    count = len(rows)
    centres = np.zeros((count, 3)) if places is None else places
    tomograms = tomogram_numbers(rows.tomograms)
    halves = np.ones(count, np.int64) if rows.half_sets is None else rows.half_sets
    phi, psi, theta = tom_angles(rotations).T
    columns = {
        "motl_idx": map(str, range(1, count + 1)),
        "tomo_num": [str(tomograms[name]) for name in rows.tomograms] or ["1"] * count,
        "object": ["1"] * count,
        "subtomo_num": map(str, numbers_of(rows.images).tolist()),
        "halfset": ["AB"[half - 1] for half in halves.tolist()],
        **dict(zip(("orig_x", "orig_y", "orig_z"), map(numbers, centres.T), strict=True)),
        "score": numbers(rows.scores),
        **dict(zip(("x_shift", "y_shift", "z_shift"), map(numbers, shifts.T), strict=True)),
        "phi": numbers(phi),
        "psi": numbers(psi),
        "the": numbers(theta),
        "class": map(str, rows.classes.tolist()),
    }
    names = "".join(f"_{name}\n" for name in columns)
    target.write(f"\ndata_{BLOCK}\n\nloop_\n{names}".encode())
    lines = zip(*columns.values(), strict=True)
    target.writelines(("\t".join(row) + "\n").encode() for row in lines)
