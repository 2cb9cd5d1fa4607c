"""Whether the service can do its work: each part is asked, none is believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from kombu.connection import Connection as KombuConnection
from sqlalchemy.exc import SQLAlchemyError

from subtomo_server.ops.health_probe import Probe
from subtomo_server.ops.schemas import Check, Health
from subtomo_store.database.engine import Store
from subtomo_store.errors import UnavailableError
from subtomo_store.jobs import drains, workers
from subtomo_store.jobs.bell import broker_options
from subtomo_store.people.quotas import said

PATIENCE_SECONDS = 1.5
BROKER_SECONDS = 1.0
HEARTBEAT_SECONDS = 30.0
LEAST_FREE_BYTES = 256 * 2**20


class Readiness:
    """Asks database, broker, worker and disk, all at once, and waits for none beyond its time."""

    def __init__(self, store: Store, broker_url: str):
        asked: dict[str, Callable[[], Check]] = {
            "database": lambda: _database(store),
            "broker": lambda: _broker(broker_url),
            "worker": lambda: _worker(store),
            "dispatch": lambda: _dispatch(store),
            "disk": lambda: _disk(store),
        }
        self._questions = {name: Probe(ask) for name, ask in asked.items()}

    async def ask(self) -> Health:
        """Tell each part's state, within two seconds."""
        checks: dict[str, Check] = {}

        async def one(name: str, question: Probe[Check]) -> None:
            silent = Check(ok=False, detail=f"no answer within {PATIENCE_SECONDS:g} seconds")
            checks[name] = await question.answer(PATIENCE_SECONDS, silent)

        async with anyio.create_task_group() as group:
            for name, question in self._questions.items():
                group.start_soon(one, name, question)
        ready = all(check.ok for check in checks.values())
        told = {name: checks[name] for name in self._questions}
        return Health(status="ready" if ready else "not ready", checks=told)


def _database(store: Store) -> Check:
    try:
        store.ping()
    except SQLAlchemyError as error:
        return Check(ok=False, detail=f"the database does not answer ({type(error).__name__})")
    return Check(ok=True, detail="the database answers")


def _broker(url: str) -> Check:
    connect: Any = KombuConnection  # kombu has no types
    try:
        options = {**broker_options(url), "socket_timeout": BROKER_SECONDS}
        broker: Any = connect(url, connect_timeout=BROKER_SECONDS, transport_options=options)
        with broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
            broker.default_channel.close()
    except Exception as error:
        return Check(ok=False, detail=f"the broker does not answer ({type(error).__name__})")
    return Check(ok=True, detail="the broker answers")


def _worker(store: Store) -> Check:
    try:
        with store.read() as session:
            count = len(workers.alive(session, HEARTBEAT_SECONDS))
    except (SQLAlchemyError, UnavailableError):
        return Check(ok=False, detail="unknown while the database does not answer")
    if count == 0:
        return Check(
            ok=False, detail=f"no worker has shown itself within {HEARTBEAT_SECONDS:g} seconds"
        )
    return Check(ok=True, detail=f"{count} worker{'s' if count > 1 else ''} at work")


def _dispatch(store: Store) -> Check:
    """A drain is wanted: the service is well, and says that it rests."""
    try:
        with store.read() as session:
            found = drains.listed(session)
    except SQLAlchemyError:
        return Check(ok=False, detail="unknown while the database does not answer")
    if not found:
        return Check(ok=True, detail="work is handed out")
    resting = "; ".join(
        f"from {'all' if d.worker == drains.ALL else d.worker}: {d.reason}" for d in found
    )
    return Check(ok=True, detail=f"new work is held back {resting}")


def _disk(store: Store) -> Check:
    try:
        free = store.files.usage().free
    except OSError as error:
        return Check(ok=False, detail=f"the data folder cannot be read ({error.strerror})")
    return Check(ok=free >= LEAST_FREE_BYTES, detail=f"{said(free)} free in the data folder")
