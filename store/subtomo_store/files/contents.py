"""Files of equal content, stored once whoever sent them.

Every large file has a second name, its SHA-256, below ``contents/``. A file whose name is taken
there becomes another link to what already lies there. Files are never changed in place, so that
nobody can tell. When the second name is the only one left it goes too, and with it the bytes.

Any number of processes may do so at once: what they can lose to each other is that a content is
stored twice, never a content.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from subtomo_store.files.data_folder import Files
from subtomo_store.files.whole import Written, storage_error, temporary_beside

SHARED_FROM_BYTES = 1 << 20
ATTEMPTS = 3


def share(files: Files, path: Path, written: Written) -> None:
    """Let ``path``, which is complete and never changes again, share its bytes with its equals.

    Small files stay as they are, and so do all files where the file system knows no links.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    if written.size < SHARED_FROM_BYTES:
        return
    content = files.content(written.sha256)
    try:
        content.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(f"{path.name} could not be written", error) from error
    for _ in range(ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):  # the last other owner has just gone
            _link(path, content, written.size)
            return


def _link(path: Path, content: Path, size: int) -> None:
    try:
        os.link(path, content)
    except FileExistsError:
        _replace(path, content, size)
    except FileNotFoundError:
        raise
    except OSError:
        return  # no links here: the file keeps its own bytes


def _replace(path: Path, content: Path, size: int) -> None:
    """Make ``path`` a link to ``content``, in one step."""
    if os.path.samefile(path, content) or content.stat().st_size != size:
        return
    temporary = temporary_beside(path)
    try:
        os.link(content, temporary)
        temporary.replace(path)
    except FileNotFoundError:
        raise
    except OSError:
        temporary.unlink(missing_ok=True)  # as many links as the file system allows


def release(files: Files, digests: Iterable[str]) -> int:
    """Forget contents that no file has any more; returns the bytes that that frees."""
    freed = 0
    for sha256 in set(digests):
        content = files.content(sha256)
        with contextlib.suppress(FileNotFoundError):
            found = content.stat()
            if found.st_nlink == 1:
                content.unlink()
                freed += found.st_size
    return freed
