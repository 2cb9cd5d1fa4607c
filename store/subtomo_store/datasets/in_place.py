"""Stacks which jobs can read as they are: nothing is copied."""

from __future__ import annotations

import os
from pathlib import Path

from subtomo_store.datasets.headers import Headers
from subtomo_store.datasets.intake_parts import Source
from subtomo_store.datasets.material import Material, RegisteredFile
from subtomo_store.datasets.stack_file import PARTICLES, Stack
from subtomo_store.formats.packed import packing_of
from subtomo_store.formats.volume_header import VolumeHeader


def left_as_it_is(
    sources: list[Source], headers: Headers, material: Material, target: Path
) -> Stack | None:
    """Where particles lie which need no copying; None where they do.

    That is one stack, not packed, with all its volumes in their order, floating-point voxels
    and the axes in their usual order. An uploaded one gets a second name in ``target``, a
    registered one stays where it is.
    """
    name = _only_file(sources)
    header = headers.get(sources[0].volume) if name else None
    if name is None or header is None or not _plain(header, sources):
        return None
    if packing_of(material.file(name)):
        return None
    registered = material.registered(name)
    if registered is not None:
        return _lying(registered, header)
    try:
        os.link(material.uploaded(name), target / PARTICLES)
    except OSError:  # no links on this file system
        return None
    return Stack(offset=header.offset, dtype=header.dtype.str)


def _only_file(sources: list[Source]) -> str | None:
    names = {source.volume.file for source in sources}
    return names.pop() if len(names) == 1 else None


def _plain(header: VolumeHeader, sources: list[Source]) -> bool:
    places = [source.volume.position or 0 for source in sources]
    in_order = places == list(range(header.volumes))
    return (
        header.kind == "MRC" and in_order and header.dtype.kind == "f" and header.order == (0, 1, 2)
    )


def _lying(registered: RegisteredFile, header: VolumeHeader) -> Stack:
    place = registered.place()
    with registered.open() as file:
        found = os.fstat(file.fileno())
    return Stack(
        root=str(place.root),
        file=place.way,
        offset=header.offset,
        dtype=header.dtype.str,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
    )
