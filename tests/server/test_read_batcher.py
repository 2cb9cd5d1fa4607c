"""Short reads of many requests share a thread, and never each other's troubles."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from subtomo_server.ops.read_batcher import MOST_AT_ONCE, ReadBatcher
from subtomo_store import Settings, Store, open_store
from subtomo_store.database.people_tables import UserRow
from subtomo_store.errors import NotFoundError, UnavailableError
from subtomo_store.people import users


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Settings(data=tmp_path))
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def batcher(store: Store) -> Iterator[ReadBatcher]:
    made = ReadBatcher(store)
    made.start()
    yield made
    made.stop()


class Held:
    """A question which holds the batcher until everybody else has asked."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def __call__(self, _session: Session) -> str:
        assert self.free.wait(30)
        return "held"


async def together(batcher: ReadBatcher, *questions) -> list:
    """Ask everything while the batcher is held, so that it is answered together."""
    held = Held()
    first = asyncio.create_task(batcher.ask(held))
    asked = [asyncio.create_task(batcher.ask(question)) for question in questions]
    await asyncio.sleep(0)  # all have asked
    held.free.set()
    assert await first == "held"
    return await asyncio.gather(*asked, return_exceptions=True)


def names(session: Session) -> list[str]:
    return list(session.scalars(select(UserRow.name)))


def missing(_session: Session) -> None:
    raise NotFoundError("there is no such thing")


def broken(_session: Session) -> None:
    raise ZeroDivisionError


def away(session: Session) -> None:
    session.execute(text("SELECT nothing FROM nowhere"))  # to SQLite, as if it did not answer


def well(_session: Session) -> str:
    return "well"


def test_all_who_ask_meanwhile_share_transactions(batcher: ReadBatcher):
    count = 3 * MOST_AT_ONCE
    sessions = asyncio.run(together(batcher, *[lambda session: session for _ in range(count)]))
    assert len({id(session) for session in sessions}) <= 4  # some may have come with the first


def test_what_is_told_was_true_after_the_question(batcher: ReadBatcher, store: Store):
    async def ask_again_and_again() -> list[int]:
        found = []
        for number in range(5):
            with store.begin() as session:
                users.create(session, f"user{number}")
            found.append(len(await batcher.ask(names)))
        return found

    assert asyncio.run(ask_again_and_again()) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("bad", "error"), [(missing, NotFoundError), (broken, ZeroDivisionError)])
def test_an_error_is_told_to_whom_it_concerns(batcher: ReadBatcher, bad, error):
    told = asyncio.run(together(batcher, well, bad, well, well))
    assert [told[0], *told[2:]] == ["well"] * 3
    assert isinstance(told[1], error)


def test_nobody_is_kept_waiting_for_a_database_which_does_not_answer(batcher: ReadBatcher):
    told = asyncio.run(together(batcher, well, away, well))
    assert told[0] == "well"
    assert [type(error) for error in told[1:]] == [UnavailableError] * 2
    assert asyncio.run(together(batcher, well)) == ["well"]


def test_who_has_gone_keeps_no_answer_from_the_others(batcher: ReadBatcher):
    async def leave() -> str:
        held = Held()
        questions = (held, well, well)
        first, going, staying = [asyncio.create_task(batcher.ask(one)) for one in questions]
        await asyncio.sleep(0)
        going.cancel()
        held.free.set()
        await first
        return await asyncio.wait_for(staying, 30)

    assert asyncio.run(leave()) == "well"


def test_what_was_asked_is_answered_before_the_end(store: Store):
    async def ask_and_stop() -> list[str]:
        batcher, held = ReadBatcher(store), Held()
        batcher.start()
        asked = [asyncio.create_task(batcher.ask(question)) for question in (held, well, well)]
        await asyncio.sleep(0)
        held.free.set()
        await asyncio.to_thread(batcher.stop)
        return await asyncio.gather(*asked)

    assert asyncio.run(ask_and_stop()) == ["held", "well", "well"]
