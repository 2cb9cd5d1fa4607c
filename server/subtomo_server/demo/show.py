"""The demo itself, with the service alive until its caller lets go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from subtomo import Client
from subtomo_server.demo import walk
from subtomo_server.demo.particles import (
    BOX,
    PARTICLES_EACH,
    PHANTOMS,
    SNR,
    TILT,
    make_particles,
    write_particles,
)
from subtomo_server.demo.service import running_service
from subtomo_server.demo.verdict import is_good, judge_files, told


@contextmanager
def show(
    folder: Path, port: int | None, seed: int, iterations: int, console: Console
) -> Iterator[bool]:
    """Walk the whole way and tell it; the service answers until the block ends.

    Parameters
    ----------
    folder : Path
        Where the service's data, the particles and the results go.
    port : int or None
        Port of the service; a free one when None.
    seed, iterations : int
        Of the particles and the job.
    console : Console
        Where to tell it.

    Yields
    ------
    bool
        Whether the averages and the classes are right.
    """
    console.print("starting the service ...")
    with running_service(folder / "service", port) as service:
        console.print(f"the service answers at {service.url}")
        simulation = make_particles(seed)
        star = write_particles(simulation, folder / "particles")
        console.print(
            f"made {PARTICLES_EACH} subtomograms each of {' and '.join(PHANTOMS)}: box {BOX}, "
            f"SNR {SNR:g}, tilts {TILT[0]:g} to {TILT[1]:g} degrees"
        )
        with Client(service.url, service.token) as client:
            dataset = walk.upload(client, star, console)
            job = walk.run(client, dataset, seed, iterations, console)
            results = walk.download(client, job, folder / "averages")
        judgement = judge_files(results.maps, results.star, simulation)
        for line in told(judgement):
            console.print(line)
        good = is_good(judgement)
        console.print("all is as it should be" if good else "that is not as good as it should be")
        console.print(f"averages and poses: {folder / 'averages'}")
        console.print(f"particles as uploaded: {star.parent}")
        console.print(f"page: {service.page}")
        yield good
