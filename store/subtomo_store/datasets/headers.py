"""Headers of the uploaded files, each read once."""

from __future__ import annotations

from subtomo_core.errors import InputError
from subtomo_store.datasets.intake_parts import Place
from subtomo_store.datasets.material import Material
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.volume_header import VolumeHeader, as_images
from subtomo_store.formats.volumes import read_header


class Headers:
    """Headers of the uploaded files, each read once; a bad file gives one problem.

    With ``images`` they are stacks of images, and no volumes.
    """

    def __init__(self, material: Material, problems: Problems, *, images: bool = False):
        self._material, self._problems, self._images = material, problems, images
        self._headers: dict[tuple[str, bool], VolumeHeader | None] = {}

    def get(self, place: Place) -> VolumeHeader | None:
        """Header of the file that a volume lies in; None where a problem was noted."""
        key = name, stacked = place.file, place.position is not None
        if key not in self._headers:
            try:
                found = read_header(self._material.file(name), name, stacked=stacked)
                self._headers[key] = as_images(found) if self._images else found
            except InputError as error:
                self._headers[key] = None
                self._problems.add(*error.problems)
        return self._headers[key]
