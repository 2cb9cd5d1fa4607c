"""Volumes, one after the other, checked and written into the stacks which jobs read."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_store.datasets.checking import located
from subtomo_store.datasets.checksums import Summing, checksum
from subtomo_store.datasets.duplicates import Contents
from subtomo_store.datasets.intake_parts import Place, Source
from subtomo_store.datasets.material import Material
from subtomo_store.datasets.stack import WEIGHTS
from subtomo_store.datasets.stack_file import PARTICLES
from subtomo_store.datasets.weights import Change, HalfWeights, half_weights, remarks_on
from subtomo_store.formats.problems import Problems, named
from subtomo_store.formats.volume_header import VolumeHeader
from subtomo_store.formats.volumes import FileVolumes, check_finite

OPEN_AT_ONCE = 8

Progress = Callable[[int, int], None]


class Volumes:
    """A dataset's volumes; the last few files stay open, since a stack is read many times."""

    def __init__(self, material: Material, scratch: Path):
        self._material, self._scratch = material, scratch
        self._open: OrderedDict[tuple[str, bool], FileVolumes] = OrderedDict()
        self._going_on: dict[str, None] = {}

    def read(self, place: Place) -> NDArray[np.float32]:
        """Read one volume."""
        return self._file(place)[place.position or 0]

    def header(self, place: Place) -> VolumeHeader:
        """Header of the file that a volume lies in."""
        return self._file(place).header

    def _file(self, place: Place) -> FileVolumes:
        key = name, stacked = place.file, place.position is not None
        if key not in self._open:
            if len(self._open) >= OPEN_AT_ONCE:
                self._open.popitem(last=False)[1].close()
            file = self._material.file(name)
            self._open[key] = FileVolumes(file, name, self._scratch, stacked=stacked)
            if self._open[key].goes_on:
                self._going_on[name] = None
        self._open.move_to_end(key)
        return self._open[key]

    def remarks(self) -> list[str]:
        """Say which files hold more than was read."""
        if not self._going_on:
            return []
        return [
            "bytes behind the voxels which the header announces were not read, in "
            f"{named(self._going_on)}: check nz and nsymbt there, since one that is too small "
            "shifts or drops voxels"
        ]

    def __enter__(self) -> Volumes:
        return self

    def __exit__(self, *_: object) -> None:
        for volumes in self._open.values():
            volumes.close()


class Packer:
    """Streams volumes into the stacks; what is wrong with one is noted and it is passed over."""

    def __init__(
        self, volumes: Volumes, listing: str, problems: Problems, progress: Progress | None
    ):
        self._volumes, self._listing = volumes, listing
        self._problems, self._progress = problems, progress
        self._sums = Summing()

    def write(self, target: Path, sources: list[Source], header: bytes | None) -> list[str]:
        """Write ``particles.mrcs`` behind its header, and ``weights.npy`` if there are weights.

        Without a header the volumes are checked and stay where they are. ``checksums.npz`` tells
        what they were. Returns remarks.
        """
        with ExitStack() as opened:
            stack = weights = None
            if header is not None:
                stack = opened.enter_context((target / PARTICLES).open("wb"))
                stack.write(header)
            if any(source.weight for source in sources):
                weights = opened.enter_context((target / WEIGHTS).open("wb"))
            changes = self._stream(sources, stack, weights)
        self._sums.write(target)
        return [*remarks_on(changes, len(sources)), *self._volumes.remarks()]

    def _stream(
        self, sources: list[Source], stack: BinaryIO | None, weights: BinaryIO | None
    ) -> Counter[Change]:
        changes: Counter[Change] = Counter()
        contents = Contents()
        for done, source in enumerate(sources, start=1):
            try:
                volume = _checked(self._volumes, source.volume)
                contents.see(source, volume)
                self._sums.particles.append(checksum(volume))
                if stack is not None:
                    stack.write(volume.data)
                if weights is not None and source.weight is not None:
                    if done == 1:
                        box = volume.shape[0]
                        write_npy_header(weights, (len(sources), box, box, box // 2 + 1))
                    found = self._weights(source.volume, source.weight)
                    weights.write(found.values.data)
                    self._sums.weights.append(checksum(found.values))
                    changes.update(found.changes)
            except InputError as error:
                wrong = (located(problem, source, self._listing) for problem in error.problems)
                self._problems.add(*wrong)
            if self._progress is not None:
                self._progress(done, len(sources))
        contents.report(self._listing, self._problems)
        return changes

    def _weights(self, volume: Place, weight: Place) -> HalfWeights:
        headers = self._volumes.header(weight), self._volumes.header(volume)
        return half_weights(self._volumes.read(weight), *headers, weight.file)


def write_npy_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Begin a file of little-endian float32 in numpy's format."""
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _checked(volumes: Volumes, place: Place) -> NDArray[np.float32]:
    array = volumes.read(place)
    check_finite(array, place.file)
    if float(array.min()) == float(array.max()):
        detail = f"{place.file}: every voxel is {float(array.min()):g}: remove this particle"
        raise InputError(Problem(detail, file=place.file))
    return array.astype("<f4", copy=False)
