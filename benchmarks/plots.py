"""Draws the pictures of docs/results.md from the tables of docs/benchmarks.md.

    python benchmarks/plots.py            # draw all into docs/images
    python benchmarks/plots.py --check    # fail where a table was changed since

Each picture holds a digest of the tables that it was drawn from.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import tables
from figures_of_jobs import failure, forms, junk, ribosomes, to_oracle, wrong
from figures_of_parts import pairs, speed, symmetry, verdict
from matplotlib.figure import Figure
from PIL import Image
from tables import Table

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
DIGEST = "Tables"

Find = Callable[..., Table]
FIGURES: dict[str, Callable[[Find], Figure]] = {
    "oracle": to_oracle,
    "forms": forms,
    "wrong": wrong,
    "junk": junk,
    "verdict": verdict,
    "ribosomes": ribosomes,
    "failure": failure,
    "symmetry": symmetry,
    "pairs": pairs,
    "speed": speed,
}
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.titlesize": 10,
    "legend.frameon": False,
}


class Reader:
    """Finds tables, and keeps a digest of those that were found."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def find(self, section: str, *columns: str, caption: str = "") -> Table:
        """The table that `tables.table` finds."""
        found = tables.table(section, *columns, caption=caption)
        self._hash.update(repr((found.columns, found.rows)).encode())
        return found

    @property
    def digest(self) -> str:
        """Of all tables so far."""
        return self._hash.hexdigest()


def path_of(name: str) -> Path:
    """Where a picture is."""
    return IMAGES / f"results-{name}.png"


def drawn(name: str) -> tuple[Figure, str]:
    """A figure, and the digest of its tables."""
    reader = Reader()
    with mpl.rc_context(STYLE):
        return FIGURES[name](reader.find), reader.digest


def stale(name: str) -> bool:
    """Whether a picture is missing, or drawn from other tables than those on the page."""
    if not path_of(name).is_file():
        return True
    with Image.open(path_of(name)) as picture:
        return bool(picture.info.get(DIGEST) != drawn(name)[1])


def main() -> None:
    """Draw, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="draw nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which pictures (default: all)")
    arguments = parser.parse_args()
    names = arguments.names or list(FIGURES)
    if arguments.check:
        old = [path_of(name).name for name in names if stale(name)]
        if old:
            sys.exit(f"not drawn from the tables on the page: {', '.join(old)}")
        return
    for name in names:
        figure, digest = drawn(name)
        with mpl.rc_context(STYLE):
            figure.savefig(path_of(name), dpi=110, metadata={DIGEST: digest, "Software": None})
        print(path_of(name))


if __name__ == "__main__":
    main()
