"""From what the command was given to its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from subtomo.cli.missing import Missing
from subtomo.errors import InvalidInput
from subtomo_core.errors import InputError, Problem
from subtomo_server.scoring.inputs import Files, Inputs
from subtomo_server.scoring.particles import opened
from subtomo_server.scoring.report import Report
from subtomo_server.scoring.seen import Requested, Seen
from subtomo_server.scoring.turned import Turning


@dataclass(frozen=True)
class Particles:
    """What was said of the particles.

    Attributes
    ----------
    path : Path or None
    missing : Missing
    dark : bool
    requested : Requested
    """

    path: Path | None
    missing: Missing
    dark: bool
    requested: Requested

    def check(self, files: Files) -> None:
        """Refuse options which nothing would come of.

        Raises
        ------
        InputError
            Naming what they go with.
        """
        limited = self.path is not None and files.truths and files.true_poses
        asked = self.requested.images is not None or self.requested.pairs is not None
        if self.path is None and (self.missing.said or self.dark or asked):
            options = "--tilt, --cone, --missing-from-weights, --dark, --pairs and --images"
            detail = f"{options} tell of particles: give --particles too, or leave them out"
            raise InputError(Problem(detail))
        if self.requested.imposed and not limited:
            detail = "--imposed tells of the ceiling: give --particles, --true-poses and --truth"
            raise InputError(Problem(f"{detail}, or leave it out"))


def scored(
    files: Files,
    particles: Particles,
    turning: Turning | None,
    *,
    symmetries: Sequence[str],
    voxel_size: float | None,
    try_mirror: bool,
) -> Report:
    """Read, measure and compare everything.

    Raises
    ------
    InputError
        If files cannot be read, or options and files not be brought together.
    """
    files.check(particles.path is not None, maps_alone=turning is not None)
    particles.check(files)
    given = Inputs.read(files, symmetries=symmetries, voxel_size=voxel_size)
    if particles.path is None:
        return Report.of(given, None, turning, try_mirror=try_mirror)
    try:
        region = particles.missing.region()
    except InvalidInput as error:
        raise InputError(Problem(str(error).rstrip("."))) from error
    with opened(particles.path, region, voxel_size, dark=particles.dark) as read:
        seen = Seen.of(given, read, particles.requested)
        return Report.of(given, seen, turning, try_mirror=try_mirror)
