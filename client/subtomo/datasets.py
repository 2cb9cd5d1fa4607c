"""Calls about datasets: create, upload, seal, simulate, list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from subtomo.calls import id_of, path_of
from subtomo.errors import ChecksumMismatch, InvalidInput
from subtomo.records import Dataset, StoredFile, Usage
from subtomo.resumable import RESUMABLE_FROM, ResumableUpload
from subtomo.selections import SelectionCalls, sound
from subtomo.transfer import Outgoing, left_out, outgoing

UPLOADS_AT_ONCE = 4
UploadProgress = Callable[[int, int], None]


TiltRange = tuple[float, float]


class Uploaded(NamedTuple):
    """What an upload did: files sent, files the server had already, and bytes in all.

    The remarks say what of a folder was left out.
    """

    sent: int
    skipped: int
    bytes: int
    remarks: tuple[str, ...] = ()


class DatasetCalls(SelectionCalls):
    """Datasets."""

    def create_dataset(
        self,
        name: str,
        *,
        tilt: TiltRange | Mapping[str, TiltRange] | None = None,
        missing: Mapping[str, Any] | None = None,
        voxel_size: float | None = None,
        dark: bool = False,
        source: str | None = None,
        simulation: Mapping[str, Any] | None = None,
        group: str | None = None,
    ) -> Dataset:
        """Make an empty dataset to upload files to.

        Parameters
        ----------
        name : str
            A name for people.
        tilt : (float, float) or mapping of str to (float, float), optional
            Lowest and highest tilt angle in degrees of a single-axis tilt series about y; of each
            tomogram, by its name in the particles' table, where they differ.
        missing : mapping, optional
            The missing region in full where ``tilt`` does not say it, e.g. ``{"kind": "weights"}``
            for particles with weights (``rlnCtfImage``), ``{"kind": "table"}`` where a Dynamo
            table tells the tilts of each row, or ``{"kind": "none"}``.
        voxel_size : float, optional
            Ångström per voxel; read from the table or the volumes when absent, which EM files
            do not tell.
        dark : bool
            Whether protein is dark in the volumes.
        source : str, optional
            A folder, STAR file, Dynamo table or motive list on the server's own disk to register
            without copying.
        simulation : mapping, optional
            What the server is to make the particles of, e.g. ``{"structures": ["complex:D7"],
            "counts": [60], "form": "sums", "snr": 0.1}``, in place of all that tells of files;
            upload only the models and maps that it names. `simulate` does all of it.
        group : str, optional
            Group with which to share it; you are its editor or owner.

        Returns
        -------
        Dataset
            With status ``open``.
        """
        if simulation is None and (tilt is None) == (missing is None):
            raise InvalidInput(
                "Say which part of Fourier space is missing: either tilt=(lowest, highest) in "
                "degrees, or missing={'kind': ...}."
            )
        if isinstance(tilt, Mapping):
            regions = {name: _wedge(own) for name, own in tilt.items()}
            missing = {"kind": "by_name", "by": "tomogram", "regions": regions}
        elif tilt is not None:
            missing = _wedge(tilt)
        body = {
            "name": name,
            "missing": dict(missing) if missing is not None else None,
            "voxel_size_angstrom": voxel_size,
            "dark_particles": dark or None,
            "source": {"path": source} if source else None,
            "simulation": dict(simulation) if simulation is not None else None,
            "group": group,
        }
        body = {field: value for field, value in body.items() if value is not None}
        return self._as_dataset(self._post("datasets", json=body))

    def upload(
        self,
        dataset: str | Dataset,
        path: str | Path,
        *,
        tomograms: str | Path | None = None,
        on_progress: UploadProgress | None = None,
    ) -> Uploaded:
        """Upload a table with every file it names, or a folder of volumes.

        Files which the server has already, by size and SHA-256, are not sent again: an
        interrupted upload is taken up by calling this once more. Of big files, from 64 MiB on,
        what has come is kept too: after a broken connection they go on where they were, by
        themselves or with the next call.

        Parameters
        ----------
        dataset : str or Dataset
            The dataset, or its id.
        path : str or Path
            A STAR file, RELION's optimisation set, Dynamo table, motive list, or folder of volumes.
        tomograms : str or Path, optional
            The tomograms STAR of particles that are stacks; found beside them by default.
        on_progress : callable, optional
            Told the bytes done and the bytes in all; may be called from several threads.

        Raises
        ------
        InvalidInput
            If a file is not there.
        ChecksumMismatch
            If the server got other bytes than were sent.
        """
        files = outgoing(Path(path), None if tomograms is None else Path(tomograms))
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
        return Uploaded(sent, len(files) - sent, total, tuple(left_out(Path(path), files)))

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
        answer = self._post("datasets", id_of(dataset), "seal", again=True)
        record = self._as_dataset(answer)
        return self._until_checked(record, timeout) if wait else sound(record)

    def dataset(self, dataset: str | Dataset) -> Dataset:
        """Read one dataset."""
        return self._as_dataset(self._get("datasets", id_of(dataset)))

    def datasets(self, *, name: str | None = None, limit: int | None = None) -> list[Dataset]:
        """List datasets, newest first; only those of a name, if one is given."""
        pages = self._pages("datasets", limit=limit, params={"name": name})
        return [self._as_dataset(entry) for entry in pages]

    def delete_dataset(self, dataset: str | Dataset) -> None:
        """Delete a dataset with its files."""
        self._delete("datasets", id_of(dataset))

    def usage(self) -> Usage:
        """Read how much of the disk you take, and of how much."""
        return Usage.model_validate(self._get("usage"))


def _wedge(tilt: TiltRange) -> dict[str, Any]:
    """The missing region of a single-axis tilt series about y."""
    return {"kind": "wedge", "tilt_min_deg": tilt[0], "tilt_max_deg": tilt[1]}
