"""What reading a STAR file refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.star import read_particles


def problems_of(path: Path) -> tuple[Problem, ...]:
    """Problems of a file which must be refused; each names the file."""
    with pytest.raises(InputError) as caught:
        read_particles(path)
    for problem in caught.value.problems:
        assert problem.file == path.name
        assert path.name in problem.detail
    return caught.value.problems
