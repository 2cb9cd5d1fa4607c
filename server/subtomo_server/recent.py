"""Documents of jobs which were told a moment ago: many look at one job at once."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

from sqlalchemy.orm import Session

from subtomo_server.job_documents import document
from subtomo_server.job_schemas import JobDocument
from subtomo_store.records import Job
from subtomo_store.settings import Settings

FRESH_SECONDS = 0.5
MOST = 1000


class Recent:
    """Keeps each job's last document for half a second, or until the job changes.

    Every visible change of a job has a new version. What has none, the time left and what its
    next batch waits for, may be half a second old.
    """

    def __init__(self, seconds: float = FRESH_SECONDS):
        self._seconds = seconds
        self._kept: OrderedDict[tuple[str, int], tuple[float, JobDocument]] = OrderedDict()
        self._changing = Lock()

    def document(self, session: Session, job: Job, settings: Settings) -> JobDocument:
        """The job's document, made now or a moment ago.

        One which waits is always looked at anew: others move its place.
        """
        if job.status == "queued":
            return document(session, job, settings)
        key, moment = (job.id, job.version), time.monotonic()
        with self._changing:
            made, kept = self._kept.get(key, (-self._seconds, None))
        if kept is not None and moment - made < self._seconds:
            return kept
        told = document(session, job, settings)
        with self._changing:
            self._kept[key] = (moment, told)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return told
