"""Stacks of tilt images, made one after the other into sums and weights as jobs read them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.expect.ordered_threads import each_in_order
from subtomo_core.imaging.stacks import StackSums, Sum
from subtomo_store.config.settings import available_cores
from subtomo_store.datasets.checking import located
from subtomo_store.datasets.checksums import Summing, checksum
from subtomo_store.datasets.duplicates import Contents
from subtomo_store.datasets.intake_parts import Source
from subtomo_store.datasets.material import Material
from subtomo_store.datasets.packing import Progress, write_npy_header
from subtomo_store.datasets.stack import WEIGHTS
from subtomo_store.datasets.stack_file import PARTICLES
from subtomo_store.datasets.stacks import Stacks
from subtomo_store.datasets.stacks_told import Tallies, Tally
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.volumes import FileVolumes, check_finite


class Built(NamedTuple):
    """A particle, a digest of its images, and what was met in them."""

    sum: Sum
    digest: bytes
    tally: Tally


class StackPacker:
    """Streams particles into the stacks of sums and weights, in their order, on all cores."""

    def __init__(
        self,
        stacks: Stacks,
        material: Material,
        listing: str,
        problems: Problems,
        progress: Progress | None,
    ):
        self._stacks, self._material, self._listing = stacks, material, listing
        self._problems, self._progress = problems, progress

    def write(
        self, target: Path, sources: list[Source], header: bytes, box: int, voxel: float
    ) -> list[str]:
        """Write particles behind their header, weights and checksums. Returns remarks.

        What is wrong with one particle is noted and it is passed over. Memory does not grow with
        their number.
        """
        sums, contents, tallies = StackSums(box, voxel), Contents(), Tallies()
        written = Summing()
        count = len(sources)

        def build(place: int) -> Built | InputError:
            try:
                return self._built(sources[place], sums, target)
            except InputError as error:
                return error

        with (target / PARTICLES).open("wb") as volumes, (target / WEIGHTS).open("wb") as weights:
            volumes.write(header)
            write_npy_header(weights, (count, box, box, box // 2 + 1))

            def take(place: int, made: Built | InputError) -> None:
                source = sources[place]
                if isinstance(made, InputError):
                    wrong = (located(p, source, self._listing) for p in made.problems)
                    self._problems.add(*wrong)
                else:
                    contents.note(source, made.digest)
                    tallies.add(made.tally)
                    volumes.write(made.sum.volume.astype("<f4", copy=False).data)
                    weights.write(made.sum.weights.astype("<f4", copy=False).data)
                    written.particles.append(checksum(made.sum.volume))
                    written.weights.append(checksum(made.sum.weights))
                if self._progress is not None:
                    self._progress(place + 1, count)

            each_in_order(build, take, range(count), available_cores())
        written.write(target)
        contents.report(self._listing, self._problems)
        return tallies.remarks(self._stacks)

    def _built(self, source: Source, sums: StackSums, scratch: Path) -> Built:
        name, index = source.volume.file, (source.row or 1) - 1
        with FileVolumes(self._material.file(name), name, scratch) as file:
            depth = file.header.file_shape[0]
            chosen = self._stacks.chosen(index, depth)
            if chosen is None:
                raise InputError(Problem(f"{name} has changed since it was checked", file=name))
            images = np.stack([file.section(section) for section in chosen.sections.tolist()])
        check_finite(images, name)
        filled = images.min((1, 2)) < images.max((1, 2))
        if not filled.any():
            detail = f"{name}: every visible image has one value throughout: remove this particle"
            raise InputError(Problem(detail, file=name))
        tally = Tally(
            all_images=depth > len(chosen.frames),
            empty=int(np.count_nonzero(~filled)),
            offset=self._offset(index, chosen.frames[filled]),
            longer=name if file.goes_on else "",
        )
        views = self._stacks.views(index, chosen.frames[filled])
        return Built(sums.sum(images[filled], views), Contents.digest(images), tally)

    def _offset(self, index: int, frames: NDArray[np.int64]) -> float | None:
        if self._stacks.place(index) is None or self._stacks.hand(index) is None:
            return None
        return float(np.abs(self._stacks.offsets(index)[frames]).max())
