"""Calls about datasets and maps: create, upload, seal, list."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from subtomo.calls import Calls, id_of, path_of
from subtomo.errors import ChecksumMismatch, Fault, InvalidInput, Rejected, SubtomoError
from subtomo.records import Dataset, Map, StoredFile, Usage
from subtomo.resumable import RESUMABLE_FROM, ResumableUpload
from subtomo.transfer import Outgoing, outgoing

UPLOADS_AT_ONCE = 4
LONG_POLL_S = 5
PAUSE_S = 0.25
UploadProgress = Callable[[int, int], None]


class Uploaded(NamedTuple):
    """What an upload did: files sent, files the server had already, and bytes in all."""

    sent: int
    skipped: int
    bytes: int


class DatasetCalls(Calls):
    """Datasets and maps."""

    def create_dataset(
        self,
        name: str,
        *,
        tilt: tuple[float, float] | None = None,
        missing: Mapping[str, Any] | None = None,
        voxel_size: float | None = None,
        dark: bool = False,
        source: str | None = None,
        group: str | None = None,
    ) -> Dataset:
        """Make an empty dataset to upload files to.

        Parameters
        ----------
        name : str
            A name for people.
        tilt : (float, float), optional
            Lowest and highest tilt angle in degrees of a single-axis tilt series about y.
        missing : mapping, optional
            The missing region in full where ``tilt`` does not say it, e.g. ``{"kind": "mask"}``
            for particles with weights (``rlnCtfImage``) or ``{"kind": "none"}``.
        voxel_size : float, optional
            Ångström per voxel; read from the table or the volumes when absent, which EM files
            do not tell.
        dark : bool
            Whether protein is dark in the volumes.
        source : str, optional
            A folder, STAR file or Dynamo table on the server's own disk to register without
            copying.
        group : str, optional
            Group with which to share it; you are its editor or owner.

        Returns
        -------
        Dataset
            With status ``open``.
        """
        if (tilt is None) == (missing is None):
            raise InvalidInput(
                "Say which part of Fourier space is missing: either tilt=(lowest, highest) in "
                "degrees, or missing={'kind': ...}."
            )
        if tilt is not None:
            missing = {"kind": "wedge", "tilt_min_deg": tilt[0], "tilt_max_deg": tilt[1]}
        body = {
            "name": name,
            "missing": dict(missing or {}),
            "voxel_size_angstrom": voxel_size,
            "dark_particles": dark,
            "source": {"path": source} if source else None,
            "group": group,
        }
        body = {field: value for field, value in body.items() if value is not None}
        return Dataset.model_validate(self._post("datasets", json=body))

    def upload(
        self,
        dataset: str | Dataset,
        path: str | Path,
        *,
        on_progress: UploadProgress | None = None,
    ) -> Uploaded:
        """Upload a STAR or Dynamo table with every volume it names, or a folder of volumes.

        Files which the server has already, by size and SHA-256, are not sent again: an
        interrupted upload is taken up by calling this once more. Of big files, from 64 MiB on,
        what has come is kept too: after a broken connection they go on where they were, by
        themselves or with the next call.

        Parameters
        ----------
        dataset : str or Dataset
            The dataset, or its id.
        path : str or Path
            A particle STAR file, a Dynamo table (``.tbl``), or a folder of volumes.
        on_progress : callable, optional
            Told the bytes done and the bytes in all; may be called from several threads.

        Raises
        ------
        InvalidInput
            If a file is not there.
        ChecksumMismatch
            If the server got other bytes than were sent.
        """
        files = outgoing(Path(path))
        there = {file.name: file for file in self.files(dataset)}
        total = sum(file.size for file in files)
        done, lock = 0, Lock()

        def count(size: int) -> None:
            nonlocal done
            with lock:
                done += size
                if on_progress:
                    on_progress(done, total)

        def send(file: Outgoing) -> bool:
            return self._send(id_of(dataset), file, there.get(file.name), count)

        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            try:
                sent = sum(pool.map(send, files))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return Uploaded(sent, len(files) - sent, total)

    def _send(
        self, dataset: str, file: Outgoing, there: StoredFile | None, count: Callable[[int], None]
    ) -> bool:
        size, digest = file.size, file.sha256()
        if there is not None and (there.size, there.sha256) == (size, digest):
            count(size)
            return False
        if size >= RESUMABLE_FROM:
            upload = ResumableUpload(self._transport, dataset, file, digest=digest, count=count)
            upload.send()
            return True
        answer = self._transport.request(
            "PUT",
            path_of("datasets", dataset, "files", file.name),
            again=True,
            content=file.chunks,
            headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
        ).json()
        stored = StoredFile.model_validate(answer)
        if stored.sha256 != digest:
            raise ChecksumMismatch(
                f"{file.name} reached the server with other bytes than were sent: "
                "upload once more; if the file is still being written, wait for its end."
            )
        count(size)
        return True

    def files(self, dataset: str | Dataset) -> list[StoredFile]:
        """List the files which a dataset has."""
        entries = self._get("datasets", id_of(dataset), "files")["items"]
        return [StoredFile.model_validate(entry) for entry in entries]

    def seal(
        self, dataset: str | Dataset, *, wait: bool = True, timeout: float | None = None
    ) -> Dataset:
        """Close a dataset to further files, have everything checked, and wait for the verdict.

        Parameters
        ----------
        dataset : str or Dataset
            The dataset, or its id.
        wait : bool
            Whether to wait until the checks are through.
        timeout : float, optional
            Seconds to wait at the most.

        Raises
        ------
        Rejected
            If something is wrong; it carries every problem found.
        """
        end = None if timeout is None else time.monotonic() + timeout
        answer = self._post("datasets", id_of(dataset), "seal", again=True)
        record = Dataset.model_validate(answer)
        while wait and record.status == "checking":
            if end is not None and time.monotonic() > end:
                raise SubtomoError(f"The dataset is still being checked after {timeout:g} s.")
            asked = time.monotonic()
            answer = self._get("datasets", record.id, headers={"Prefer": f"wait={LONG_POLL_S}"})
            record = Dataset.model_validate(answer)
            if record.status == "checking" and time.monotonic() - asked < PAUSE_S:
                time.sleep(PAUSE_S)
        if record.status == "rejected":
            raise Rejected(record.id, [Fault.read(problem) for problem in record.problems])
        return record

    def dataset(self, dataset: str | Dataset) -> Dataset:
        """Read one dataset."""
        return Dataset.model_validate(self._get("datasets", id_of(dataset)))

    def datasets(self, *, limit: int | None = None) -> list[Dataset]:
        """List datasets, newest first."""
        return [Dataset.model_validate(entry) for entry in self._pages("datasets", limit=limit)]

    def delete_dataset(self, dataset: str | Dataset) -> None:
        """Delete a dataset with its files."""
        self._delete("datasets", id_of(dataset))

    def upload_map(
        self, path: str | Path, *, name: str | None = None, voxel_size: float | None = None
    ) -> Map:
        """Upload one MRC or EM map, for use as a starting reference or as a mask.

        Parameters
        ----------
        path : str or Path
            The map's file.
        name : str, optional
            A name for people; the file's own by default.
        voxel_size : float, optional
            Ångström per voxel, where the file's header does not say it: EM files never do.
        """
        file = Outgoing(name or Path(path).name, Path(path))
        if not Path(path).is_file():
            raise InvalidInput(f"There is no map {path}.")
        answer = self._post(
            "maps",
            params={"name": file.name}
            | ({"voxel_size_angstrom": voxel_size} if voxel_size is not None else {}),
            content=file.chunks,
            headers={
                "Content-Length": str(file.size),
                "Content-Type": "application/octet-stream",
            },
        )
        return Map.model_validate(answer)

    def maps(self, *, limit: int | None = None) -> list[Map]:
        """List uploaded maps, newest first."""
        return [Map.model_validate(entry) for entry in self._pages("maps", limit=limit)]

    def delete_map(self, map_: str | Map) -> None:
        """Delete an uploaded map."""
        self._delete("maps", id_of(map_))

    def usage(self) -> Usage:
        """Read how much of the disk you take, and of how much."""
        return Usage.model_validate(self._get("usage"))
