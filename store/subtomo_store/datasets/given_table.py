"""The table of a dataset as it was given, for the tables of jobs to carry through."""

from __future__ import annotations

from pathlib import Path

from subtomo_store.datasets.material import Material
from subtomo_store.formats.text import lines_of, read_text

GIVEN = "given.star"


def keep_given(material: Material, listing: str, folder: Path) -> None:
    """Keep the text of a STAR table."""
    lines = lines_of(read_text(material.file(listing), listing).removesuffix("\n"))
    with (folder / GIVEN).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def given_table(folder: Path) -> Path | None:
    """The kept table; None where there is none, as in datasets sealed before it was kept."""
    path = folder / GIVEN
    return path if path.exists() else None
