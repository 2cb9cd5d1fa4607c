"""A service without its server: store, broker, dataset, jobs and workers as processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from subtomo_store import Store
from subtomo_store.database.records import TERMINAL, Dataset, Event, Job, Message
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star_write import ParticleRows, write_particles
from subtomo_store.jobs import events, iterations, jobs
from subtomo_store.jobs.bell import Bell
from subtomo_store.jobs.progress import particles_done
from support.records import new_job, opened, ready_dataset, user_named
from support.services import RedisServer, WorkerProcess, wait_until

SCRIPT = Path(__file__).with_name("adding_worker.py")
QUICK = {
    "lease_seconds": 20.0,
    "report_seconds": 0.1,
    "sweep_seconds": 0.2,
    "retry_seconds": 0.3,
    "threads": 2,
}


@dataclass
class Workplace:
    """Everything a worker needs, and the jobs it works on."""

    store: Store
    redis: RedisServer
    dataset: Dataset
    bell: Bell
    workers: list[WorkerProcess] = field(default_factory=list)

    def submit(self, *, ring: int = 1, **changes: Any) -> Job:
        """Write a job and ring for it ``ring`` times."""
        with self.store.begin() as session:
            made = new_job(session, self.dataset, user_named(session), **changes)
        for _ in range(ring):
            self.bell.ring(made.messages)
        return made.job

    def worker(
        self, *arguments: str, prefix: tuple[str, ...] = (), **variables: str
    ) -> WorkerProcess:
        """Start a worker: one of the adding method, or the program's own by its arguments.

        ``prefix`` is a command which starts it with other rights.
        """
        settings = self.store.settings
        given = {f"SUBTOMO_{name.upper()}": str(value) for name, value in QUICK.items()}
        given |= {
            "SUBTOMO_DATA": str(settings.data),
            "SUBTOMO_DATABASE_URL": str(settings.database_url),
            "SUBTOMO_BROKER_URL": self.redis.url,
        }
        log = settings.data / f"worker_{len(self.workers)}.log"
        process = WorkerProcess(arguments or (str(SCRIPT),), {**given, **variables}, log)
        process.prefix = prefix
        process.start()
        self.workers.append(process)
        return process

    def job(self, job: Job) -> Job:
        """The job as it stands now."""
        with self.store.read() as session:
            return jobs.get(session, job.id)

    def events(self, job: Job) -> list[Event]:
        """All events of a job."""
        with self.store.read() as session:
            return events.after(session, job.id)

    def wait(self, job: Job, *, seconds: float = 90.0) -> Job:
        """Wait for the end of a job."""
        wait_until(lambda: self.job(job).terminal, "the job ends", seconds)
        return self.job(job)

    def settle(self, job: Job, *, seconds: float = 90.0) -> Job:
        """Wait for the end, and see that it is the only one, whole and without leftovers."""
        ended = self.wait(job, seconds=seconds)
        told = [event.data["status"] for event in self.events(job) if event.kind == "status"]
        assert [status for status in told if status in TERMINAL] == [ended.status]
        self.bits(job)
        self.wait_until_tidy(job)
        return ended

    def wait_for_particles(self, job: Job, iteration: int, count: int) -> None:
        """Wait until an iteration is under way."""

        def under_way() -> bool:
            with self.store.read() as session:
                return particles_done(session, job.id, iteration) >= count

        wait_until(under_way, f"{count} particles of iteration {iteration}")

    def bits(self, job: Job) -> dict[tuple[int, str], str]:
        """SHA-256 of every published file, checked against what lies on the disk."""
        found = {}
        with self.store.read() as session:
            for iteration in iterations.published(session, job.id):
                folder = self.store.files.iteration(job.id, iteration.number)
                records = iterations.files(session, job.id, iteration.number)
                assert {record.name for record in records} == {p.name for p in folder.iterdir()}
                for record in records:
                    assert (folder / record.name).stat().st_size == record.size
                    found[iteration.number, record.name] = record.sha256
        return found

    def wait_until_tidy(self, job: Job) -> None:
        """Wait until a job which is over has no working files left: they go after its end."""
        folder = self.store.files.job(job.id)
        wait_until(
            lambda: not any("batches" in path.name for path in folder.iterdir()),
            "the working files go",
        )

    def logs(self) -> str:
        """What all workers said."""
        return "".join(worker.log.read_text() for worker in self.workers)

    def ring(self, *messages: Message) -> None:
        """Send messages."""
        self.bell.ring(messages)


@contextmanager
def workplace(
    data: Path, database_url: str, redis: RedisServer, *, particles: int = 12, box: int = 16
) -> Iterator[Workplace]:
    """Make a workplace with one dataset; its workers are killed at the end."""
    with opened(data, database_url, broker_url=redis.url, **QUICK) as store:
        with store.begin() as session:
            dataset = ready_dataset(session, user_named(session), particles, box)
        write_dataset(store.files.dataset(dataset.id), dataset)
        place = Workplace(store, redis, dataset, Bell(redis.url))
        try:
            yield place
        finally:
            for worker in place.workers:
                worker.kill()
            place.bell.close()


def write_dataset(folder: Path, dataset: Dataset) -> None:
    """Write a sealed dataset of random particles."""
    folder.mkdir(parents=True)
    summary = dataset.summary
    random = np.random.default_rng(1)
    volumes = random.normal(size=(summary.particles, *(summary.box,) * 3)).astype(np.float32)
    write_volume(folder / "particles.mrcs", volumes, summary.voxel_size_angstrom)
    images = [f"{number:06d}@particles.mrcs" for number in range(1, summary.particles + 1)]
    rows = ParticleRows(images, summary.voxel_size_angstrom, summary.box)
    write_particles(folder / "particles.star", rows)
    record = {"summary": summary.model_dump(mode="json"), "remarks": []}
    (folder / "dataset.json").write_text(json.dumps(record))
