"""Named arrays in ``.npz`` files, whole or not at all, without pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from subtomo_store.errors import StorageError
from subtomo_store.files.whole import Written, storage_error, write_whole


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Written:
    """Write named arrays; the same arrays give the same bytes.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    return write_whole(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read what `write_arrays` wrote.

    Raises
    ------
    StorageError
        If the file is gone or damaged.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return dict(content)
    except FileNotFoundError as error:
        raise StorageError(f"{name} is gone: its job's folder was changed by hand") from error
    except OSError as error:
        raise storage_error(f"{name} could not be read", error) from error
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise StorageError(f"{name} is damaged: {error}") from error


def prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Put a prefix before every name."""
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def unprefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Names with the prefix, without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
