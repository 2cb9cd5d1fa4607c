"""A worker process with the adding method: the real program, its method handed down."""

from __future__ import annotations

import os
import resource
import sys

from subtomo_store import Settings
from subtomo_store.logs import configure
from subtomo_worker.running import run_worker
from support.adding import create_adding
from support.bells import chosen_bell

if __name__ == "__main__":
    settings = Settings()
    configure(sys.stderr, settings.resolved_log_format)
    largest = int(os.environ.get("ADDING_LARGEST_FILE", "0"))
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    lifeline = os.environ.get("ADDING_LIFELINE") == "1"
    sys.exit(run_worker(settings, create_adding, lifeline=lifeline, make_bell=chosen_bell))
