"""Which file holds the tomogram that a list of picks names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from subtomo_core.errors import InputError, Problem
from subtomo_store.formats.problems import named
from subtomo_store.formats.star_text import read_star
from subtomo_store.formats.text import lines_of, read_text
from subtomo_store.formats.volumes import is_volume_name

_NAME = "rlnTomoName"
_RECONSTRUCTED = ("rlnTomoReconstructedTomogram", "rlnTomoReconstructedTomogramDenoised")
_TOKENS = re.compile(r"[0-9]+|[A-Za-z]+")


@dataclass(frozen=True)
class Tomograms:
    """Files of tomograms.

    Attributes
    ----------
    files : tuple of Path
        Looked through for the names in lists.
    by_name : dict of str to Path
        Those that were named outright; they come first.
    """

    files: tuple[Path, ...]
    by_name: Mapping[str, Path]

    @classmethod
    def of(cls, given: Iterable[str]) -> Tomograms:
        """Tomograms given as folders, files, ``NAME=FILE``, Dynamo's ``.doc`` or a STAR file.

        A ``.doc`` has a number and a file in each line; RELION's ``tomograms.star`` names the
        reconstructed tomogram of each, from the folder of the project or beside the file.

        Raises
        ------
        InputError
            If something is not there, or there is no tomogram in it.
        """
        files: dict[Path, None] = {}
        by_name: dict[str, Path] = {}
        for text in given:
            name, equals, path = text.partition("=")
            if equals and not Path(text).exists():
                by_name[name] = _existing(Path(path), text)
            elif Path(text).is_dir():
                files |= dict.fromkeys(_in_folder(Path(text)))
            elif text.lower().endswith(".doc"):
                by_name |= _of_doc(Path(text))
            elif text.lower().endswith(".star"):
                by_name |= _of_star(Path(text))
            else:
                files[_existing(Path(text), text)] = None
        return cls(tuple(files), by_name)

    def find(self, name: str | None, listing: str) -> Path:
        """File of the tomogram that a list names; of the only one, where it names none.

        The file's name is the tomogram's, or holds it (``TS_01`` in ``TS_01_10.00Apx.mrc`` or in
        ``rec_TS_01.mrc``); of a number, it has that number in it. A list without names of
        tomograms belongs to the tomogram whose name is its own.

        Raises
        ------
        InputError
            If there is none, or several.
        """
        if name is not None and name in self.by_name:
            return self.by_name[name]
        every = [*self.files, *self.by_name.values()]
        if name is None and len(every) == 1:
            return every[0]
        wanted = Path(listing).name.split(".")[0] if name is None else _bare(name)
        exact = [path for path in self.files if _bare(path.name) == wanted]
        found = exact or [path for path in self.files if _holds(_bare(path.name), wanted)]
        if name is None and not found:  # TS_01_ribosomes.csv
            found = [path for path in self.files if _holds(wanted, _bare(path.name))]
        if len(found) == 1:
            return found[0]
        raise _refused(name, listing, wanted, found, self.files)


def _refused(
    name: str | None, listing: str, wanted: str, found: list[Path], files: tuple[Path, ...]
) -> InputError:
    what = (
        f"names the tomogram '{name}'"
        if name is not None
        else "names no tomogram, nor does its name"
    )
    among = named(path.name for path in (found or files))
    told = f"several files may be it ({among})" if found else f"it is not among {among or 'none'}"
    detail = f"{listing}: {what}, and {told}: say --tomograms '{name or wanted}=FILE'"
    return InputError(Problem(detail, file=listing))


def _existing(path: Path, text: str) -> Path:
    if not path.is_file():
        raise InputError(Problem(f"{text}: there is no such file of a tomogram", file=text))
    return path


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if is_volume_name(path.name))
    if not found:
        detail = f"{folder}: there is no tomogram in it (MRC or EM)"
        raise InputError(Problem(detail, file=str(folder)))
    return found


def _of_doc(path: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for row, line in enumerate(lines_of(read_text(path, path.name)), 1):
        number, _, file = line.strip().partition(" ")
        if not number:
            continue
        if not number.isdigit() or not file.strip():
            detail = f"{path.name}, line {row}: a number and a file are needed, not {line[:60]!r}"
            raise InputError(Problem(detail, file=path.name, row=row))
        found[str(int(number))] = _existing(path.parent / file.strip(), file.strip())
    return found


def _of_star(path: Path) -> dict[str, Path]:
    for block in read_star(path, path.name):
        column = next((name for name in _RECONSTRUCTED if block.has(name)), None)
        if column is None or not block.has(_NAME):
            continue
        pairs = zip(block.column(_NAME), block.column(column), strict=True)
        return {name: _from_project(path, file) for name, file in pairs}
    detail = (
        f"{path.name}: it names no reconstructed tomograms (_{_RECONSTRUCTED[0]}): give the "
        "folder they lie in"
    )
    raise InputError(Problem(detail, file=path.name))


def _from_project(path: Path, file: str) -> Path:
    """A file that RELION names from the folder of its project, one above the table's or higher."""
    for folder in path.resolve().parents:
        if (folder / file).is_file():
            return folder / file
    return _existing(Path(file), file)


def _bare(name: str) -> str:
    """A name without its folders and ending, as people speak of a tomogram."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return re.sub(r"\.(tomostar|(mrcs?|map|rec|st|em|zarr)(\.(gz|bz2|xz))?)$", "", last, flags=re.I)


def _holds(name: str, wanted: str) -> bool:
    """Whether the letters and numbers of ``wanted`` stand in a name, one after the other."""
    parts, sought = _parts(name), _parts(wanted)
    places = range(len(parts) - len(sought) + 1)
    return bool(sought) and any(parts[at : at + len(sought)] == sought for at in places)


def _parts(name: str) -> list[str]:
    """Words and numbers in a name; 003 is 3."""
    return [str(int(part)) if part.isdigit() else part for part in _TOKENS.findall(name)]
