"""Datasets to be sealed: uploads on disk, and what sealing refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.missing_region import MissingRegion, Wedge
from subtomo_store.datasets.sealing import seal
from support.particles import Uploaded

SEALED = [
    "checksums.npz",
    "dataset.json",
    "given.star",
    "grouping.npz",
    "particles.mrcs",
    "particles.star",
]
WEDGE = Wedge(tilt_min_deg=-60, tilt_max_deg=60)


def names(path: Path) -> list[str]:
    """Names in a folder, sorted."""
    return sorted(child.name for child in path.iterdir())


def content(path: Path) -> dict[str, bytes]:
    """Bytes of every file in a folder."""
    return {child.name: child.read_bytes() for child in path.iterdir() if child.is_file()}


def problems_of(
    folder: Path, missing: MissingRegion = WEDGE, **options: Any
) -> tuple[Problem, ...]:
    """Problems of a dataset that must be refused, with nothing left behind but the uploads."""
    with pytest.raises(InputError) as caught:
        seal(folder, missing, **options)
    assert names(folder) == ["uploads"]
    return caught.value.problems


def one_problem(folder: Path, missing: MissingRegion = WEDGE, **options: Any) -> Problem:
    """The only problem of a dataset that must be refused."""
    (problem,) = problems_of(folder, missing, **options)
    return problem


def edit(uploaded: Uploaded, old: str, new: str) -> None:
    """Change the uploaded STAR file."""
    text = uploaded.star.read_text()
    assert old in text
    uploaded.star.write_text(text.replace(old, new))
