"""Checks of datasets, in the background of the server.

The state ``checking`` stands in the database, with a lease of the server which is at it: what
a killed server was checking is checked again by another, or by the next one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from subtomo_core.errors import InputError, Problem, SubtomoError
from subtomo_core.spec.missing_region import FoundRegion, MissingRegion
from subtomo_server.datasets.selections import make_selection
from subtomo_server.simulating.dataset import remarks_on, simulated, truth_files
from subtomo_server.simulating.recipe import recipe_of
from subtomo_store.database.engine import Store
from subtomo_store.database.identity import new_id
from subtomo_store.database.records import Dataset
from subtomo_store.datasets import check_leases, datasets
from subtomo_store.datasets.material import Registered
from subtomo_store.datasets.sealing import House, seal
from subtomo_store.datasets.stack import is_sealed, read_record
from subtomo_store.errors import NotFoundError
from subtomo_store.files import contents
from subtomo_store.files.whole import Written
from subtomo_store.people import quotas

CHECKS_AT_ONCE = 2


class DatasetChecker:
    """A few threads which check one dataset after the other, and one which keeps their leases.

    They are daemons: a server which ends does not wait for them, and loses nothing by it.
    """

    def __init__(self, store: Store):
        self._store = store
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._server = new_id("server")
        self._held: set[str] = set()
        self._queued: set[str] = set()
        self._changing = threading.Lock()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"dataset-checker-{index}", daemon=True)
            for index in range(CHECKS_AT_ONCE)
        ]
        self._threads.append(
            threading.Thread(target=self._watch, name="dataset-checker", daemon=True)
        )

    def start(self) -> None:
        """Begin to work, first on what an earlier server left unfinished."""
        for thread in self._threads:
            thread.start()

    def submit(self, dataset_id: str) -> None:
        """Check a dataset, which is in the state ``checking``, as soon as a thread is free."""
        with self._changing:
            if dataset_id in self._queued:
                return
            self._queued.add(dataset_id)
        self._waiting.put(dataset_id)

    def stop(self, seconds: float = 1.0) -> None:
        """Take no more work; wait a moment for what runs, and leave the rest to others."""
        self._over.set()
        for _ in range(CHECKS_AT_ONCE):
            self._waiting.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(seconds)
        try:
            self._keep(0.0)
        except (SQLAlchemyError, SubtomoError) as error:
            self._log("the leases of checks run out by themselves", "", error)

    def _run(self) -> None:
        while (dataset_id := self._waiting.get()) is not None:
            try:
                if not self._over.is_set() and self._claimed(dataset_id):
                    self._check(dataset_id)
            except Exception as error:
                self._log("a check could not be noted", dataset_id, error)
            finally:
                with self._changing:
                    self._queued.discard(dataset_id)
                    self._held.discard(dataset_id)

    def _claimed(self, dataset_id: str) -> bool:
        with self._store.begin() as session:
            seconds = self._store.settings.lease_seconds
            taken = check_leases.claim(session, dataset_id, self._server, seconds)
        if taken:
            with self._changing:
                self._held.add(dataset_id)
        return taken

    def _watch(self) -> None:
        """Keep the leases of what is being checked, and take up what nobody is at."""
        settings = self._store.settings
        interval = min(settings.sweep_seconds, settings.lease_seconds / 3)
        while True:
            try:
                self._keep(settings.lease_seconds)
                with self._store.read() as session:
                    left = check_leases.unattended(session)
                for dataset_id in left:
                    self.submit(dataset_id)
            except (SQLAlchemyError, SubtomoError) as error:
                self._log("looking for checks again later", "", error)
            if self._over.wait(interval):
                return

    def _keep(self, seconds: float) -> None:
        with self._changing:
            held = tuple(self._held)
        if held:
            with self._store.begin() as session:
                check_leases.renew(session, self._server, held, seconds)

    def _check(self, dataset_id: str) -> None:
        try:
            self._seal(dataset_id)
        except NotFoundError:
            return  # deleted meanwhile
        except InputError as error:
            self._reject(dataset_id, list(error.problems))
        except SubtomoError as error:
            self._reject(dataset_id, [Problem(str(error))])
        except Exception as error:
            self._log("a check failed", dataset_id, error)
            self._reject(dataset_id, [Problem(OWN_FAULT)])

    def _seal(self, dataset_id: str) -> None:
        with self._store.read() as session:
            dataset = datasets.get(session, dataset_id)
            uploaded = datasets.files(session, dataset_id)
        region: TypeAdapter[Any] = TypeAdapter(MissingRegion | FoundRegion)
        folder = self._store.files.dataset(dataset_id)
        if dataset.selection is not None and not is_sealed(folder):
            make_selection(self._store.files, folder, dataset.selection, self._house(dataset))
        with self._material(dataset) as uploads:
            summary = seal(
                folder,
                region.validate_python(dataset.missing),
                dataset.voxel_size_angstrom,
                dataset.dark_particles,
                house=self._house(dataset)._replace(uploads=uploads),
            )
        record = read_record(folder)
        truth = sum(file.size for file in truth_files(folder))
        remarks = record.remarks
        if dataset.simulation is not None:  # whose table is ours: only the uploads are news
            remarks = remarks_on(dataset.simulation, [file.name for file in uploaded])
        with self._store.begin() as session:
            if not check_leases.let_go(session, dataset_id, self._server):
                return
            datasets.accept(
                session,
                dataset_id,
                summary=summary,
                size_bytes=record.size_bytes + truth,
                remarks=remarks,
            )
        contents.release(self._store.files, [file.sha256 for file in uploaded])

    @contextmanager
    def _material(self, dataset: Dataset) -> Iterator[Path | None]:
        """Where the particles' files lie; None where that is among the dataset's uploads."""
        folder = self._store.files.dataset(dataset.id)
        if dataset.simulation is None or is_sealed(folder):
            yield None
            return
        recipe = recipe_of(dataset.simulation)
        with simulated(folder, self._store.files.uploads(dataset.id), recipe) as made:
            yield made

    def _house(self, dataset: Dataset) -> House:
        store = self._store

        def allow(needed: int) -> None:
            """What is copied takes the place of what was uploaded."""
            with store.begin() as session:
                uploaded = sum(file.size for file in datasets.files(session, dataset.id))
                more = max(0, needed - uploaded)
                quotas.check(session, dataset.user_id, store.settings, more=more)

        def share(path: Path, written: Written) -> None:
            contents.share(store.files, path, written)

        registered = None
        if dataset.source is not None:
            registered = Registered(Path(dataset.source), store.settings.source_roots)
        return House(registered, allow, share)

    def _reject(self, dataset_id: str, problems: list[Problem]) -> None:
        try:
            with self._store.begin() as session:
                if check_leases.let_go(session, dataset_id, self._server):
                    datasets.reject(session, dataset_id, problems)
        except NotFoundError:
            return  # deleted meanwhile

    def _log(self, what: str, dataset_id: str, error: Exception) -> None:
        structlog.get_logger("subtomo_server").error(what, dataset_id=dataset_id, exc_info=error)


OWN_FAULT = (
    "The check met an error of its own, which the server's log tells: try to seal once more, "
    "and report it if it comes back."
)
