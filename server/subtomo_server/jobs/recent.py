"""Cache of job documents for half a second: many clients ask for one job at once."""

from __future__ import annotations

import time
import zlib
from collections import OrderedDict
from typing import NamedTuple

from sqlalchemy.orm import Session

from subtomo_server.jobs.documents import document
from subtomo_store.config.settings import Settings
from subtomo_store.database.records import Job
from subtomo_store.jobs.queue_state import Standing, look

FRESH_SECONDS = 0.5
MOST = 1000


class Told(NamedTuple):
    """A job's document as it is sent.

    Attributes
    ----------
    body : bytes
        JSON.
    etag : str
        Weak: the time left changes between two versions. The place in the queue counts.
    over : bool
        Whether the job has ended.
    """

    body: bytes
    etag: str
    over: bool


class Recent:
    """Keeps each job's last document for half a second, or until the job changes.

    Every visible change of a job has a new version. What has none, the time left, its place in
    the queue and what it waits for, may be half a second old; all who wait are told by one look.
    Only the read batcher asks, so that nothing is locked.
    """

    def __init__(self, seconds: float = FRESH_SECONDS):
        self._seconds = seconds
        self._stands: tuple[float, Standing] | None = None
        self._kept: OrderedDict[tuple[str, int], tuple[float, Told]] = OrderedDict()

    def told(self, session: Session, job: Job, settings: Settings) -> Told:
        """The job's document, made now or a moment ago."""
        key, moment = (job.id, job.version), time.monotonic()
        made, kept = self._kept.get(key, (-self._seconds, None))
        if kept is not None and moment - made < self._seconds:
            return kept
        fresh = document(session, job, settings, lambda: self._standing(session, job))
        waiting = fresh.model_dump_json(include={"queue", "webhook"})
        etag = f'W/"{job.id}-{job.version}-{zlib.crc32(waiting.encode()):x}"'
        told = Told(fresh.model_dump_json().encode(), etag, job.terminal)
        self._kept[key] = (moment, told)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return told

    def _standing(self, session: Session, job: Job) -> Standing:
        """How everything stands, seen a moment ago unless ``job`` has come since."""
        now = time.monotonic()
        if self._stands is not None and now - self._stands[0] < self._seconds:
            stands = self._stands[1]
            if job.status != "queued" or job.id in stands.places:
                return stands
        self._stands = now, look(session)
        return self._stands[1]
