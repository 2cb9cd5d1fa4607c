"""The way of a lab script: upload, run, watch, download."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from subtomo import Client, Dataset, Job, JobFailed
from subtomo.cli.watch import JobView
from subtomo_server.demo.particles import PHANTOMS, TILT

ITERATIONS = 20


class Results(NamedTuple):
    """Downloaded files."""

    maps: list[Path]
    star: Path


def upload(client: Client, star: Path, console: Console) -> Dataset:
    """Upload the particles over HTTP and have them checked."""
    began = time.monotonic()
    dataset = client.create_dataset("demo: two phantoms", tilt=TILT)
    report = client.upload(dataset, star)
    dataset = client.seal(dataset)
    console.print(
        f"uploaded {report.sent} files, {report.bytes / 1e6:.1f} MB, and had them checked "
        f"in {time.monotonic() - began:.1f} s"
    )
    return dataset


def run(client: Client, dataset: Dataset, seed: int, iterations: int, console: Console) -> Job:
    """Run FAML with as many classes as there are phantoms, from random orientations."""
    job = client.submit(
        name="demo",
        dataset=dataset,
        algorithm="faml",
        classes=len(PHANTOMS),
        iterations=iterations,
        seed=seed,
    )
    began = time.monotonic()
    view = JobView(job, console, client.url)
    with view.progress:
        for event in client.watch(job):
            view.show(event)
    job = client.job(job)
    if job.status != "succeeded":
        raise JobFailed(job)
    console.print(f"{iterations} iterations in {time.monotonic() - began:.0f} s")
    return job


def download(client: Client, job: Job, folder: Path) -> Results:
    """Download the averages and the poses."""
    maps = [
        client.download_map(job, folder / f"class_{k}.mrc", cls=k)
        for k in range(1, job.classes + 1)
    ]
    return Results(maps, client.download_star(job, folder / "particles.star"))
