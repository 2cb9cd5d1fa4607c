"""Files that a table names, among those of a dataset."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import takewhile

from subtomo_core.errors import Problem
from subtomo_store.datasets.intake_parts import Place
from subtomo_store.formats.particle_table import ImageName
from subtomo_store.formats.problems import Problems


class NamedFiles:
    """Finds files by the paths that a table names.

    A path counts from the table's own folder, or else from the dataset's root. A file that
    stands in neither place is the one whose path has the longest end in common with it, if
    there is just one such file and no other path leads there.

    Parameters
    ----------
    folder : str
        The table's own, below the dataset's root.
    names : iterable of str
        Names of the dataset's files.
    """

    def __init__(self, folder: str, names: Iterable[str]):
        self._folder, self._names = folder, frozenset(names)
        self._by_base: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._names):
            self._by_base[posixpath.basename(name)].append(name)
        self._exact: set[str] = set()
        self._by_end: dict[str, str] = {}

    def find(self, path: str) -> str | None:
        """Name of the file that a path leads to; `why_not` tells why there is none."""
        name = self._at(path)
        if name is not None:
            self._exact.add(name)
            return None if name in self._by_end else name
        found = self._ending_alike(path)
        if len(found) != 1 or found[0] in self._exact:
            return None
        return found[0] if self._by_end.setdefault(found[0], _plain(path)) == _plain(path) else None

    def looked_up(self, path: str) -> str | None:
        """As `find`, for a path that takes no file for itself."""
        found = [name] if (name := self._at(path)) else self._ending_alike(path)
        return found[0] if len(found) == 1 else None

    def why_not(self, path: str) -> str:
        """Say what keeps a path from a file, and the remedy."""
        name = self._at(path)
        found = [name] if name else self._ending_alike(path)
        if len(found) == 1:
            return (
                f"could only be {found[0]!r}, to which another path of the table leads as well: "
                "upload both files, in the folders that the table names"
            )
        if found:
            return (
                f"could be {found[0]!r} or {found[1]!r}: upload the files in the folders that the "
                "table names"
            )
        if _is_absolute(path):
            return (
                "is an absolute path, and no file of this name was uploaded: upload it, or remove "
                "the row"
            )
        if _plain(posixpath.join(self._folder, path)).startswith("../"):
            return "climbs out of the dataset with '..': give a path inside it"
        return (
            "was not uploaded: upload it, alone or in the folders that the table names, or remove "
            "the row"
        )

    def remarks(self, listing: str) -> list[str]:
        """Say which files were found by the ends of their paths."""
        if not self._by_end:
            return []
        name, path = next(iter(self._by_end.items()))
        many = len(self._by_end)
        files = "1 file that" if many == 1 else f"{many} files that"
        return [
            f"{files} {listing} names by other paths were found by the ends of these, such as "
            f"{path!r}, which was uploaded as {name!r}"
        ]

    def _at(self, path: str) -> str | None:
        candidates = posixpath.join(self._folder, path), path
        return next((name for c in candidates if (name := _plain(c)) in self._names), None)

    def _ending_alike(self, path: str) -> list[str]:
        """Names that have the longest end in common with a path; most often one or none."""
        parts = _plain(path.replace("\\", "/")).split("/")
        names = self._by_base.get(parts[-1], [])
        alike = {name: _common_end(parts, name.split("/")) for name in names}
        longest = max(alike.values(), default=0)
        return [name for name, common in alike.items() if common == longest]


def _plain(path: str) -> str:
    return posixpath.normpath(path)


def _common_end(first: list[str], second: list[str]) -> int:
    pairs = zip(reversed(first), reversed(second), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:", path) is not None


class Finder:
    """Finds the files that a STAR file names, and notes a problem for each that is not there."""

    def __init__(self, star: str, names: Iterable[str], problems: Problems):
        self.star, self._problems = star, problems
        self._files = NamedFiles(posixpath.dirname(star), names)

    def find(self, image: ImageName, row: int, column: str) -> Place | None:
        """Place of an image; None where a problem was noted."""
        name = self.file(image.path, row, column, image.text)
        return None if name is None else Place(name, image.place)

    def file(self, path: str, row: int, column: str, text: str = "") -> str | None:
        """Name of a file; None where a problem was noted. ``text`` is what the table says."""
        name = self._files.find(path)
        if name is None:
            reason = f"names {text or path!r}, which {self._files.why_not(path)}"
            detail = f"{self.star}, row {row}: _{column} {reason}"
            self._problems.add(Problem(detail, file=self.star, row=row, column=column))
        return name

    def name(self, path: str) -> str | None:
        """Name of the file that a path leads to; None where there is none."""
        return self._files.looked_up(path)

    def remarks(self) -> list[str]:
        """Say which files were found by the ends of their paths."""
        return self._files.remarks(self.star)
