"""What the owner of a dataset is told of stacks of tilt images."""

from __future__ import annotations

from typing import NamedTuple

from subtomo_store.datasets.stacks import Stacks
from subtomo_store.formats.problems import TOLD_BY_NAME, named
from subtomo_store.formats.tomograms import TomogramSet


def remarks_on(stacks: Stacks, tomograms: TomogramSet, listing: str) -> list[str]:
    """Say what the images were taken for, and which columns were not read."""
    return [_built(stacks, tomograms, listing), *_unread(stacks, tomograms)]


def _built(stacks: Stacks, tomograms: TomogramSet, listing: str) -> str:
    flags = sorted(set(stacks.rows.premultiplied.tolist()), reverse=True)
    were = " or ".join("multiplied" if flag else "not multiplied" for flag in flags)
    laws = [
        f"{series.tomogram.b_factor:g} Å² per e/Å²"
        if series.tomogram.b_factor
        else "Grant and Grigorieff's law"
        for series in stacks.series.values()
    ]
    return (
        f"{listing}: its particles are stacks of tilt images of {len(stacks.series)} tilt series "
        f"({tomograms.file}), added up to sums with weights: images that were {were} by contrast "
        f"transfer and dose ({named(dict.fromkeys(laws))}) before, the curvature of the Ewald "
        "sphere left out"
    )


def _unread(stacks: Stacks, tomograms: TomogramSet) -> list[str]:
    left = [f"_{column}" for column in tomograms.unread]
    remarks = [f"not read of {tomograms.file}: {', '.join(left)}"] if left else []
    columns: dict[str, None] = {}
    for series in stacks.series.values():
        columns |= dict.fromkeys(series.images.unread)
    if columns:
        left = [f"_{column}" for column in columns]
        remarks.append(f"not read of the tilt series: {', '.join(left)}")
    return remarks


class Tally(NamedTuple):
    """What was met in the images of one particle.

    Attributes
    ----------
    all_images : bool
        The stack holds all images of the tilt series, and some are not visible.
    empty : int
        Images with one value throughout.
    offset : float or None
        The largest change of defocus by the particle's height, ångström; None if it is unknown.
    longer : str
        Name of the file, if bytes follow behind its images.
    """

    all_images: bool
    empty: int
    offset: float | None
    longer: str = ""


class Tallies:
    """Adds up what was met in the images of all particles."""

    def __init__(self) -> None:
        self._particles = self._all_images = self._unknown = 0
        self._empty = self._with_empty = 0
        self._offset = 0.0
        self._longer, self._some_longer = 0, list[str]()

    def add(self, tally: Tally) -> None:
        """Count a particle."""
        self._particles += 1
        self._all_images += tally.all_images
        self._empty += tally.empty
        self._with_empty += tally.empty > 0
        self._unknown += tally.offset is None
        self._offset = max(self._offset, tally.offset or 0.0)
        if tally.longer:
            self._longer += 1
            self._some_longer += [tally.longer] if self._longer <= TOLD_BY_NAME else []

    def remarks(self, stacks: Stacks) -> list[str]:
        """Say what was met."""
        remarks = []
        if self._all_images:
            remarks.append(
                f"{self._all_images} of {self._particles} stacks hold all images of their tilt "
                "series, as WarpTools wrote them until July 2026: those that are not visible "
                "were left out (RELION takes the first ones of such a stack for the visible ones)"
            )
        if self._empty:
            remarks.append(
                f"{self._empty} visible images of {self._with_empty} particles have one value "
                "throughout and were left out"
            )
        if self._longer:
            names = named(self._some_longer, self._longer)
            remarks.append(f"bytes behind the images were not read, in {names}: check nz there")
        return [*remarks, self._height(stacks)]

    def _height(self, stacks: Stacks) -> str:
        if self._unknown:
            return (
                f"the heights of {self._unknown} of {self._particles} particles are not told "
                "(_rlnCenteredCoordinateZAngst, or _rlnCoordinateZ with _rlnTomoSizeZ, and "
                "_rlnTomoHand): the defocus of their images is that of the tomogram's centre"
            )
        hands = {series.tomogram.hand or 0.0 for series in stacks.series.values()}
        shown = named(f"{hand:g}" for hand in sorted(hands))
        return (
            f"the defocus of each image is that at its particle: with _rlnTomoHand {shown} heights "
            f"change it by up to {self._offset:.0f} Å. Images do not tell a hand: with the other "
            "one averages would be mirrored, and this sign the opposite one"
        )
