"""The bell: wakes workers when there is work. A lost message does no harm.

A message holds the id of a task and nothing else, and is sent after the commit that made the
task, in its job's queue. The worker it wakes takes the best task there is, which may be another
one (`jobs.dispatch`). When the broker is away the ring is lost, and an idle worker that
sees work rings for itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from celery import Celery

from subtomo_store.database.records import Message, QueueName

TASK = "subtomo.work"
VISIBILITY_SECONDS = 6 * 3600
IMPATIENT = {
    "max_retries": 1,
    "interval_start": 0.0,
    "interval_step": 0.0,
    "interval_max": 0.0,
    "socket_timeout": 2.0,
}
log = logging.getLogger(__name__)


def broker_queue(queue: QueueName) -> str:
    """Name of a queue at the broker: ``subtomo.preview``."""
    return f"subtomo.{queue}"


def broker_options(broker_url: str) -> dict[str, Any]:
    """Transport options that server and workers must share.

    The visibility timeout is far above any batch's time: leases find lost work sooner.
    ``filesystem:///folder`` queues in an existing folder, where there is no Redis at all.
    """
    if broker_url.startswith("filesystem:"):
        folder = urlsplit(broker_url).path
        return {
            "data_folder_in": folder,
            "data_folder_out": folder,
            "control_folder": f"{folder}/control",
            "polling_interval": 0.1,
        }
    return {
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_timeout": 10.0,
        "socket_connect_timeout": 3.0,
        "socket_keepalive": True,
    }


class Bell:
    """Rings for workers over a Celery broker; never raises when the broker is away."""

    def __init__(self, broker_url: str):
        self._app = Celery("subtomo-bell", broker=broker_url, set_as_current=False)
        self._app.conf.update(
            task_ignore_result=True,
            task_serializer="json",
            accept_content=["json"],
            task_default_queue=broker_queue("cpu"),
            task_publish_retry=False,
            broker_connection_timeout=3.0,
            broker_transport_options={**broker_options(broker_url), **IMPATIENT},
        )

    def ring(self, messages: Iterable[Message]) -> bool:
        """Send messages; False when one could not be sent (an idle worker rings again)."""
        for message in messages:
            try:
                self._app.send_task(
                    TASK,
                    args=[message.task_id, message.queue],
                    queue=broker_queue(message.queue),
                    retry=False,
                )
            except Exception as error:
                log.warning("the broker is away, nobody heard of %s: %s", message, error)
                return False
        return True

    def close(self) -> None:
        """Give the broker's connections back."""
        self._app.close()
