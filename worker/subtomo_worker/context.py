"""What a worker works with: made once at its start and handed to every task."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.folds import folds_of
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_store.database.engine import Store
from subtomo_store.database.identity import new_id
from subtomo_store.database.records import Job, Lease, QueueName
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.jobs import dispatch
from subtomo_store.jobs.bell import Bell
from subtomo_worker.calculation import MethodFactory
from subtomo_worker.maps import mask_map
from subtomo_worker.processes import Birth, own_birth, parent_birth

if TYPE_CHECKING:  # the methods bring the kernels along
    from subtomo_core.methods import Method


@dataclass(frozen=True, eq=False)
class LoadedJob:
    """A job ready for work: its particles, their folds (N,), and its method.

    The method may keep what it learns.
    """

    particles: StackParticles
    method: Method
    folds: NDArray[np.int64]

    @property
    def summary(self) -> DatasetSummary:
        """The dataset's summary."""
        return self.particles.summary


@dataclass(eq=False)
class WorkerContext:
    """A worker's store, bell and methods. One task at a time uses it.

    Attributes
    ----------
    stop_asked : callable
        Whether the worker is to end; read between particles.
    queues : tuple of str
        Queues which this worker serves.
    name : str
        By which it is drained; the machine's unless told. Several workers may share one.
    """

    store: Store
    bell: Bell
    methods: MethodFactory
    stop_asked: Callable[[], bool]
    worker_id: str = field(default_factory=lambda: new_id("worker"))
    queues: tuple[QueueName, ...] = dispatch.QUEUES
    host: str = field(default_factory=socket.gethostname)
    name: str = field(default_factory=socket.gethostname)
    birth: Birth = field(default_factory=own_birth)
    parent: Birth | None = field(default_factory=parent_birth)
    _last: tuple[str, LoadedJob] | None = None
    _busy: bool = False

    @property
    def seeker(self) -> dispatch.Seeker:
        """As whom it asks for work."""
        return dispatch.Seeker(self.worker_id, self.name, self.queues)

    @property
    def idle(self) -> bool:
        """Whether it answers no bell at the moment."""
        return not self._busy

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Be busy within the block."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def loaded(self, job: Job) -> LoadedJob:
        """Load a job, or return it if it was the last one.

        Raises
        ------
        StorageError
            If the dataset's folder cannot be read.
        InputError
            If the mask which the job names is gone or does not fit, or particles which are read
            where they were registered have changed.
        """
        if self._last is None or self._last[0] != job.id:
            particles = StackParticles(self.store.files.dataset(job.dataset_id))
            mask = mask_map(self.store, job, particles.summary)
            spec, summary = job.parsed_spec, particles.summary
            folds = folds_of(spec, summary.particles, particles.grouping())
            method = self.methods(spec, summary, mask, folds)
            self._last = (job.id, LoadedJob(particles, method, folds))
        self._last[1].particles.check()
        return self._last[1]

    def clear(self) -> None:
        """Forget the loaded job, so that the next task reads everything anew."""
        self._last = None


@dataclass(frozen=True)
class Assignment:
    """A leased task and its job."""

    lease: Lease
    job: Job
