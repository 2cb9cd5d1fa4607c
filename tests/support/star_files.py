"""STAR files for tests, and what reading one refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.star import read_particles


def star(folder: Path, text: str, name: str = "p.star") -> Path:
    """Write a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def table(*columns: str, rows: str = "", block: str = "particles") -> str:
    """Text of one loop."""
    names = "".join(f"_{column} #{i}\n" for i, column in enumerate(columns, 1))
    return f"data_{block}\n\nloop_\n{names}{rows}\n"


def problems_of(path: Path) -> tuple[Problem, ...]:
    """Problems of a file which must be refused; each names the file."""
    with pytest.raises(InputError) as caught:
        read_particles(path)
    for problem in caught.value.problems:
        assert problem.file == path.name
        assert path.name in problem.detail
    return caught.value.problems
