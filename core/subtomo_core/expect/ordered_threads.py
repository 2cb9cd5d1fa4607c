"""Results of many threads, taken one after the other in a given order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


def nothing() -> None:
    """Default of callbacks that tell of progress."""


_ROOM = 8  # results for each thread that may wait for their turn


def each_in_order(
    work: Callable[[int], T], take: Callable[[int, T], None], numbers: Iterable[int], threads: int
) -> None:
    """``take(n, work(n))`` for each number: work by many threads, taking in the order given.

    Whichever thread is done takes what is due while the others go on, so that neither a thread
    more nor a barrier is needed. What the first call that failed raised is raised again.
    """
    order = list(numbers)
    turn: _Turn[T] = _Turn(lambda place, result: take(order[place], result), _ROOM * threads)
    failed = threading.Event()

    def step(place: int) -> None:
        if failed.is_set():
            return
        try:
            turn.put(place, work(order[place]))
        except BaseException:
            failed.set()  # the others stop at the end of what they are at
            raise

    places = iter(range(len(order)))  # its next is one step of the interpreter

    def share(_thread: int) -> None:
        for place in places:
            step(place)

    if threads == 1:
        share(0)
        return
    # A task for each thread, not for each number: whoever waits for tasks wakes up for every one.
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(share, range(threads)):
            pass


class _Turn(Generic[T]):
    """Hands on what was put in, by its place: 0, 1, 2, ..."""

    def __init__(self, take: Callable[[int, T], None], room: int):
        self._take, self._room = take, room
        self._waiting: dict[int, T] = {}
        self._next = 0
        self._taking = threading.Lock()

    def put(self, place: int, result: T) -> None:
        """Keep a result, and take all that are due unless another thread is at it.

        Where too many wait, this waits for that thread: results need memory.
        """
        self._waiting[place] = result
        del result
        # Once more after the lock is free: what came meanwhile found it taken.
        while self._next in self._waiting or len(self._waiting) > self._room:
            if not self._taking.acquire(blocking=len(self._waiting) > self._room):
                return
            try:
                due = self._next
                while due in self._waiting:
                    self._take(due, self._waiting.pop(due))
                    due = self._next = due + 1
            finally:
                self._taking.release()
            if self._next not in self._waiting:
                return
