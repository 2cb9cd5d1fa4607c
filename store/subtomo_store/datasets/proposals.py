"""The missing region that a table of particles tells of, for a form to propose."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from subtomo_core.errors import InputError
from subtomo_core.spec.missing_region import FromTable, MissingRegion, Wedge, Weights
from subtomo_store.datasets.material import STAR, TBL
from subtomo_store.datasets.region_words import in_words
from subtomo_store.datasets.tilt_ranges import ABOUT_Y, ROUNDING_DEG
from subtomo_store.formats.dynamo import read_dynamo
from subtomo_store.formats.pytom import read_pytom
from subtomo_store.formats.star import CTF
from subtomo_store.formats.star_kinds import flagged
from subtomo_store.formats.star_text import parse_star
from subtomo_store.formats.text import read_text
from subtomo_store.formats.tomograms import optimisation_set

XML = ".xml"
_LAST_PARTICLE, _END = b"</Particle>", b"\n</ParticleList>"


class Proposal(NamedTuple):
    """A missing region, and why it is proposed."""

    region: MissingRegion
    reason: str


class Head:
    """The beginning of a file, as a `Readable`; what was cut off is left out from its last row."""

    def __init__(self, name: str, content: bytes, *, whole: bool = True):
        self.name = name
        if not whole and name.lower().endswith(XML):
            content = content[: content.rfind(_LAST_PARTICLE) + len(_LAST_PARTICLE)] + _END
        elif not whole:
            content = content[: content.rfind(b"\n") + 1]
        self._content = content

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """Open it."""
        return io.BytesIO(self._content)


def proposed(head: Head) -> Proposal | None:
    """The region that a table tells of; None where it tells none, or is none that can be read."""
    name = head.name.lower()
    with suppress(InputError):
        if name.endswith(STAR):
            return _of_star(head)
        if name.endswith(TBL):
            return _of_dynamo(head)
        if name.endswith(XML):
            return _of_pytom(head)
    return None


def _of_star(head: Head) -> Proposal | None:
    blocks = parse_star(read_text(head, head.name), head.name)
    if flagged(blocks) or optimisation_set(blocks):
        reason = "tells of stacks of tilt images, whose directions tell what is missing"
        return Proposal(Weights(), f"{head.name} {reason}")
    if any(block.has(CTF) for block in blocks):
        return Proposal(Weights(), f"{head.name} names weights for each particle (_{CTF})")
    return None


def _of_dynamo(head: Head) -> Proposal | None:
    table = read_dynamo(head, head.name)
    if not (table.tilts.any(axis=1) & (table.kinds == ABOUT_Y)).any():
        return None
    reason = "tells the tilts of its rows (ftype, ymintilt, ymaxtilt)"
    return Proposal(FromTable(), f"{head.name} {reason}")


def _of_pytom(head: Head) -> Proposal | None:
    tilts = read_pytom(head, head.name).tilts
    if tilts is None or np.isnan(tilts).any() or np.ptp(tilts, axis=0).max() > ROUNDING_DEG:
        return None
    low, high = (round(float(end), 2) for end in tilts[0])
    if not -90.0 <= low < high <= 90.0:
        return None
    region = Wedge(tilt_min_deg=low, tilt_max_deg=high)
    return Proposal(region, f"{head.name} tells {in_words(region)}")
