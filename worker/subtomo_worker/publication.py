"""An iteration's folder: filled under a temporary name, placed at once, or gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from subtomo_store.database.records import FileRecord
from subtomo_store.files.whole import storage_error, sync_folder, temporary_beside, write_whole


class IterationFolder:
    """A folder that appears under its name complete, or not at all.

    `place` is called by whoever knows that the result may be published, while nobody else can
    publish. What an attempt that died in between left under the name is replaced.
    """

    def __init__(self, final: Path):
        self._final = final
        self._temporary = temporary_beside(final)
        self.records: list[FileRecord] = []

    def write(self, name: str, writer: Callable[[BinaryIO], object]) -> None:
        """Write one file into the folder and note its hash.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        written = write_whole(self._temporary / name, writer)
        self.records.append(FileRecord(name, written.size, written.sha256))

    def place(self) -> None:
        """Give the folder its name.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        try:
            if self._final.exists():
                shutil.rmtree(self._final)
            self._temporary.rename(self._final)
            sync_folder(self._final.parent)
        except OSError as error:
            raise storage_error(f"{self._final.name} could not be written", error) from error

    def __enter__(self) -> IterationFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)
