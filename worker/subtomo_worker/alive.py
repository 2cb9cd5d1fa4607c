"""Check that a worker of this machine is alive; fast, since it loads no kernels."""

from __future__ import annotations

import logging
import socket
from contextlib import closing

from subtomo_store import Settings, open_store
from subtomo_store.jobs import workers


def seen_alive(settings: Settings) -> bool:
    """Whether a worker of this machine (or container) has shown itself lately; says so."""
    with closing(open_store(settings)) as store, store.read() as session:
        host = socket.gethostname()
        found = [worker for worker in workers.alive(session) if worker.host == host]
    logging.getLogger(__name__).info("%s workers of %s are alive", len(found), host)
    return bool(found)
