"""How a job is to be handled: queue, priority, webhook; not what it computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from subtomo_store.database.records import QueueName

USUAL_PRIORITY = 50


class Origin(NamedTuple):
    """A published iteration of a job, from which another job goes on."""

    job: str
    iteration: int


@dataclass(frozen=True)
class Orders:
    """What goes with a job's specification.

    Attributes
    ----------
    priority : int
        0 to 100.
    queue : str
        Which workers may take it.
    webhook : str or None
        URL to tell the job's end.
    asked : dict or None
        The specification as it was sent, before its defaults were filled in.
    continues : Origin or None
        Where the job goes on; it begins anew without one.
    group : str or None
        Name or id of the group to which it belongs; the dataset's without one.
    """

    priority: int = USUAL_PRIORITY
    queue: QueueName = "cpu"
    webhook: str | None = None
    asked: dict[str, Any] | None = None
    continues: Origin | None = None
    group: str | None = None


USUAL = Orders()
