"""A worker process with the adding method: the real program, its method handed down."""

from __future__ import annotations

import datetime
import os
import resource
import sys
import time
from functools import partial

from subtomo_store import Settings
from subtomo_store.config.logs import configure
from subtomo_worker import running
from subtomo_worker.context import WorkerContext
from support.adding import create_adding
from support.bells import chosen_bell


def set_clock(hours: float) -> None:
    """Let this process see another time than the rest of the world."""
    real = time.time

    class Skewed(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Skewed:
            return cls.fromtimestamp(real() + 3600 * hours, tz)

    time.time = lambda: real() + 3600 * hours
    for name, module in list(sys.modules.items()):
        if name.startswith("subtomo_") and hasattr(module, "datetime"):
            module.datetime = Skewed  # type: ignore[attr-defined]


if __name__ == "__main__":
    settings = Settings()
    configure(sys.stderr, settings.resolved_log_format)
    largest = int(os.environ.get("ADDING_LARGEST_FILE", "0"))
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    if os.environ.get("ADDING_HOST"):
        named = partial(WorkerContext, host=os.environ["ADDING_HOST"])
        running.WorkerContext = named  # type: ignore[assignment,attr-defined]
    if os.environ.get("ADDING_CLOCK"):
        set_clock(float(os.environ["ADDING_CLOCK"]))
    lifeline = os.environ.get("ADDING_LIFELINE") == "1"
    sys.exit(running.run_worker(settings, create_adding, lifeline=lifeline, make_bell=chosen_bell))
