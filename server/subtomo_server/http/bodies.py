"""A request's body on its way to the disk, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from subtomo_server.http.digests import announced_digest
from subtomo_server.http.errors import BadRequestError
from subtomo_store.datasets.filing import check_digest
from subtomo_store.files.data_folder import WholeFile, Written

PIECE_BYTES = 4 * 1024 * 1024
SILENCE_SECONDS = 60.0


class BrokenOffError(BadRequestError):
    """The sender went away, or fell silent, before the end."""


async def pour(request: Request, write: Callable[[bytearray], object]) -> None:
    """Hand the body to ``write`` in pieces; memory use does not grow with it.

    While one piece is written and hashed in a thread the next one is received.

    Raises
    ------
    BrokenOffError
        If the sender went away; what came before has been written.
    """
    piece, writing = bytearray(), _nothing()
    try:
        async with asyncio.timeout(SILENCE_SECONDS) as silence:
            clock = asyncio.get_running_loop().time
            async for chunk in request.stream():
                silence.reschedule(clock() + SILENCE_SECONDS)
                piece += chunk
                if len(piece) >= PIECE_BYTES:
                    await writing
                    writing = asyncio.ensure_future(run_in_threadpool(write, piece))
                    piece = bytearray()
    except (ClientDisconnect, TimeoutError) as error:
        await writing
        await run_in_threadpool(write, piece)
        raise BrokenOffError("The upload broke off.") from error
    finally:
        await asyncio.wait([writing])
    await writing
    await run_in_threadpool(write, piece)


def _nothing() -> asyncio.Future[object]:
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


async def receive_file(
    request: Request, path: Path, accept: Callable[[WholeFile, Written], object]
) -> Written:
    """Write the body beside ``path``; ``accept`` gives it its name, or raises.

    Raises
    ------
    BrokenOffError
        If the sender went away before the end; nothing is kept.
    InputError
        If the body has another SHA-256 than the sender announced.
    StorageError
        If the disk refuses.
    """
    announced = announced_digest(request.headers)
    whole = await run_in_threadpool(WholeFile, path)
    try:
        await pour(request, whole.write)
        written = await run_in_threadpool(whole.finish)
        check_digest(path.name, written, announced)
        await run_in_threadpool(accept, whole, written)
        return written
    except BrokenOffError as error:
        raise BrokenOffError(f"The upload of {path.name} broke off; nothing was kept.") from error
    finally:
        # After it was accepted there is nothing left to discard.
        await run_in_threadpool(whole.discard)
