"""Bells that ring twice, or whose first ring is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable

from subtomo_store.database.records import Message
from subtomo_store.jobs.bell import Bell


class TwiceBell(Bell):
    """Every message is delivered twice."""

    def ring(self, messages: Iterable[Message]) -> bool:
        return super().ring([message for message in messages for _ in range(2)])


class DeafBell(Bell):
    """The first message for each task is lost; only the sweeper's repetition arrives."""

    def __init__(self, broker_url: str):
        super().__init__(broker_url)
        self._lost: set[str] = set()

    def ring(self, messages: Iterable[Message]) -> bool:
        messages = list(messages)
        arriving = [message for message in messages if message.task_id in self._lost]
        self._lost.update(message.task_id for message in messages)
        return super().ring(arriving)


def chosen_bell(broker_url: str) -> Bell:
    """Make the bell which the environment asks for."""
    if os.environ.get("ADDING_RING_TWICE"):
        return TwiceBell(broker_url)
    if os.environ.get("ADDING_DEAF"):
        return DeafBell(broker_url)
    return Bell(broker_url)
