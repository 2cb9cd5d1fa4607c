"""Batching of short reads: one thread, and one transaction for all requests that arrive meanwhile.

Handing a read to a thread of its own costs more than the read itself, the more so the more are
under way: each waits for the interpreter's lock several times. Here the busier the server is, the
more reads share one waking, one transaction and the rows which it has loaded.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.orm import Session

from subtomo_core.errors import SubtomoError
from subtomo_store.database.engine import Store
from subtomo_store.errors import UnavailableError

MOST_AT_ONCE = 16  # whom a transaction serves are told together
PATIENCE_SECONDS = 2.0
T = TypeVar("T")


class ReadBatcher:
    """Answers short questions to the database.

    What takes longer than a few milliseconds belongs into a thread: all who ask wait for it.
    """

    def __init__(self, store: Store):
        self._store = store
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="read-batcher", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what was asked until now, and end; not waiting for a database that hangs."""
        self._asked.put(None)
        self._thread.join(PATIENCE_SECONDS)

    async def ask(self, question: Callable[[Session], T]) -> T:
        """Answer from a transaction that began after this call.

        Raises
        ------
        Exception
            What ``question`` raises, and what `Store.read` does.
        """
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.put(_Asked(question, told))
        return await told

    def _run(self) -> None:
        while (first := self._asked.get()) is not None:
            together = deque([first])
            while len(together) < MOST_AT_ONCE and not self._asked.empty():
                another = self._asked.get()
                if another is None:
                    self._asked.put(None)
                    break
                together.append(another)
            loop = first.told.get_loop()
            answers: list[_Answer] = []
            while together:
                self._answer(together, answers)
            try:
                loop.call_soon_threadsafe(_tell, answers)
            except RuntimeError:  # the loop has ended, and nobody waits any longer
                continue

    def _answer(self, together: deque[_Asked], answers: list[_Answer]) -> None:
        """Answer in one transaction, until one of the questions breaks it."""
        one = together.popleft()
        try:
            with self._store.read() as session:
                while True:
                    answers.append(_answered(one, session))
                    if not together:
                        return
                    one = together.popleft()
        except UnavailableError as error:  # nor would it answer the others
            answers.extend(_Answer(asked.told, None, error) for asked in (one, *together))
            together.clear()
        except Exception as error:  # the others have nothing to do with it
            answers.append(_Answer(one.told, None, error))


class _Asked(NamedTuple):
    question: Callable[[Session], Any]
    told: asyncio.Future[Any]


class _Answer(NamedTuple):
    told: asyncio.Future[Any]
    found: Any
    error: Exception | None


def _answered(one: _Asked, session: Session) -> _Answer:
    try:
        return _Answer(one.told, one.question(session), None)
    except SubtomoError as error:  # found out by looking: the transaction is sound
        return _Answer(one.told, None, error)


def _tell(answers: list[_Answer]) -> None:
    for answer in answers:
        if answer.told.done():
            continue  # who asked has gone
        if answer.error is not None:
            answer.told.set_exception(answer.error)
        else:
            answer.told.set_result(answer.found)
