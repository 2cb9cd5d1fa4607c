"""A request's body on its way to the disk, piece by piece."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from subtomo_server.errors import BadRequestError
from subtomo_store.files import WholeFile, Written

PIECE_BYTES = 1024 * 1024


async def receive_file(request: Request, path: Path) -> Written:
    """Write the body under ``path``, whole or not at all; memory use does not grow with it.

    Raises
    ------
    BadRequestError
        If the sender went away before the end.
    StorageError
        If the disk refuses.
    """
    whole = await run_in_threadpool(WholeFile, path)
    try:
        piece = bytearray()
        async for chunk in request.stream():
            piece += chunk
            if len(piece) >= PIECE_BYTES:
                await run_in_threadpool(whole.write, piece)
                piece = bytearray()
        await run_in_threadpool(whole.write, piece)
        return await run_in_threadpool(whole.publish)
    except ClientDisconnect as error:
        raise BadRequestError(f"The upload of {path.name} broke off; nothing was kept.") from error
    finally:
        # After a publication there is nothing left to discard.
        await run_in_threadpool(whole.discard)
