"""The files of particles that are stacks of tilt images: their tables lead to each other."""

from __future__ import annotations

import re
from pathlib import Path

from subtomo.errors import InvalidInput
from subtomo.star import make_portable, read_text, references

SET_COLUMNS = ("_rlnTomoParticlesFile", "_rlnTomoTomogramsFile")
SERIES_COLUMNS = ("_rlnTomoTiltSeriesStarFile",)
_FLAG = re.compile(r"^\s*_rlnTomoSubTomosAre2DStacks\s+(\S+)", re.MULTILINE)
_VISIBLE = re.compile(r"^\s*_rlnTomoVisibleFrames\b", re.MULTILINE)
_TOLD_AT_MOST = 10


def holds_stacks(star: Path) -> bool:
    """Tell whether a STAR file is an optimisation set, or its particles are stacks of images.

    Raises
    ------
    InvalidInput
        If it cannot be read.
    """
    try:
        text = read_text(star)
    except OSError as error:
        raise InvalidInput(f"{star} cannot be read as a STAR file: {error}.") from error
    flag = _FLAG.search(text)
    if flag:
        return flag[1].strip("0.") != ""
    return _VISIBLE.search(text) is not None or _is_set(text)


def stack_files(star: Path, tomograms: Path | None = None) -> list[tuple[str, Path | bytes]]:
    """Names and contents of all files to send, the tables last.

    Parameters
    ----------
    star : Path
        The particles, or the optimisation set that leads to them.
    tomograms : Path, optional
        The table of tomograms. By default that of the optimisation set, or of one beside the
        particles that leads to them, or else the only table beside them whose name ends in
        ``tomograms.star``.

    Raises
    ------
    InvalidInput
        If a file is not there, or no table of tomograms can be chosen.
    """
    if _is_set(read_text(star)):
        if tomograms is not None:
            raise InvalidInput(
                f"{star.name} is an optimisation set, which names its tomograms: leave --tomograms "
                "out, or push the particles' STAR file."
            )
        return _of_set(star)
    chosen = tomograms or _beside(star)
    if not chosen.is_file():
        raise InvalidInput(f"There is no file {chosen}.")
    name = chosen.name if chosen.name != star.name else f"tomograms/{chosen.name}"
    return _unique([*_images(star.name, star), *_series(name, chosen)])


def _is_set(text: str) -> bool:
    return {mention.column for mention in references(text, SET_COLUMNS)} == set(SET_COLUMNS)


def _of_set(star: Path) -> list[tuple[str, Path | bytes]]:
    portable = make_portable(star, SET_COLUMNS)
    said = {m.column: m.file for m in references(portable.text, SET_COLUMNS)}
    particles, tomograms = (said[column] for column in SET_COLUMNS)
    return _unique(
        [
            *_images(particles, portable.files[particles]),
            *_series(tomograms, portable.files[tomograms]),
            (star.name, portable.text.encode()),
        ]
    )


def _images(name: str, star: Path) -> list[tuple[str, Path | bytes]]:
    portable = make_portable(star)
    return [*portable.files.items(), (name, portable.text.encode())]


def _series(name: str, star: Path) -> list[tuple[str, Path | bytes]]:
    portable = make_portable(star, SERIES_COLUMNS)
    return [*portable.files.items(), (name, portable.text.encode())]


def _unique(files: list[tuple[str, Path | bytes]]) -> list[tuple[str, Path | bytes]]:
    names: dict[str, Path | bytes] = {}
    for name, content in files:
        if names.setdefault(name, content) != content:
            raise InvalidInput(
                f"two files have the name {name}: a table of particles or tomograms names one "
                "beside it, the other one elsewhere; push them from one folder."
            )
    return list(names.items())


def _beside(star: Path) -> Path:
    """The table of tomograms that goes with particles."""
    others = sorted(entry for entry in star.resolve().parent.glob("*.star") if entry.is_file())
    led = {tomograms for entry in others for tomograms in _led_to(entry, star)}
    found = sorted(led) or [entry for entry in others if entry.name.endswith("tomograms.star")]
    if len(found) == 1:
        return found[0]
    what = f"{star.name} holds stacks of 2D tilt images, and "
    if not found:
        raise InvalidInput(
            f"{what}no table of tomograms lies beside it: name it by --tomograms tomograms.star, "
            "or push the optimisation set."
        )
    names = ", ".join(entry.name for entry in found[:_TOLD_AT_MOST])
    raise InvalidInput(
        f"{what}{len(found)} tables of tomograms lie beside it ({names}): name one by --tomograms."
    )


def _led_to(entry: Path, star: Path) -> list[Path]:
    """The tomograms of an optimisation set that leads to the particles; none of other files."""
    if not _is_set(read_text(entry)):
        return []
    try:
        portable = make_portable(entry, SET_COLUMNS)
    except InvalidInput:  # a set whose files are gone is none of these particles'
        return []
    said = {m.column: portable.files[m.file] for m in references(portable.text, SET_COLUMNS)}
    particles, tomograms = (said[column].resolve() for column in SET_COLUMNS)
    return [tomograms] if particles == star.resolve() else []
