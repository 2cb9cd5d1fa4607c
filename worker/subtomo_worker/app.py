"""The Celery application of a worker.

One process, one task at a time (the ``solo`` pool): all cores are used by threads inside the
core. Nothing is forked, so a killed worker leaves no orphan that goes on computing, and
compiled kernels are shared by all threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps
from celery.app.log import Logging

from subtomo_store.database.records import QueueName
from subtomo_store.jobs.bell import TASK, broker_options, broker_queue
from subtomo_worker.context import WorkerContext
from subtomo_worker.execution import execute
from subtomo_worker.sweeper import Sweeper


class OwnLogging(Logging):  # type: ignore[misc]
    """Leaves the program's logging as the command set it up."""

    def setup(self, *_args: Any, **_options: Any) -> None:
        """Change nothing."""


def create_app(context: WorkerContext, broker_url: str) -> Celery:
    """Make the application with its one task, which takes the best piece of work there is."""
    app = Celery("subtomo", broker=broker_url, log=OwnLogging, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options=broker_options(broker_url),
        task_acks_late=True,
        task_default_queue=broker_queue("cpu"),
        task_ignore_result=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_concurrency=1,
        worker_hijack_root_logger=False,
        worker_pool="solo",
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )
    app.task(_runner(context), name=TASK)
    app.steps["worker"].add(_sweeping(context))
    return app


def _runner(context: WorkerContext) -> Callable[[str, QueueName], None]:
    def run(task_id: str, queue: QueueName) -> None:
        execute(context, task_id, queue)

    return run


def _sweeping(context: WorkerContext) -> type[Any]:
    """Make the step of Celery's start-up that runs the sweeper beside the tasks."""

    class Sweeping(bootsteps.StartStopStep):  # type: ignore[misc]
        requires = ("celery.worker.components:Pool",)

        def __init__(self, parent: Any, **options: Any):
            super().__init__(parent, **options)
            self._sweeper = Sweeper(context)

        def start(self, _parent: Any) -> None:
            self._sweeper.start()

        def stop(self, _parent: Any) -> None:
            self._sweeper.stop()

        terminate = stop

    return Sweeping
