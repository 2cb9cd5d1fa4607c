"""Files on their way out: ranges, ETags and names which a person can keep."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from subtomo_store.database.records import FileRecord, Job
from subtomo_store.errors import GoneError

RANGE = re.compile(r"bytes=\s*(?:\d+-\d*|-\d+)\s*(?:,\s*(?:\d+-\d*|-\d+)\s*)*")
MEDIA_TYPES = {
    ".mrc": "application/x-mrc",
    ".star": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".xml": "application/xml",
    ".png": "image/png",
    ".npz": "application/octet-stream",
}


def keepable(name: str) -> str:
    """Make a name safe for every file system: letters, digits, ``.``, ``_`` and ``-``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.")[:80]


def job_file_name(job: Job, iteration: int | None, rest: str) -> str:
    """Name of a downloaded file: ``groel-first-look_it003_class1.mrc``."""
    stem = keepable(job.name).lower() or job.id
    return f"{stem}_it{iteration:03d}_{rest}" if iteration is not None else f"{stem}_{rest}"


def quoted(sha256: str) -> str:
    """Make the ETag of a stored file: its SHA-256 in quotes."""
    return f'"{sha256}"'


def unchanged(request: Request, etag: str) -> bool:
    """Whether the sender holds this version already (``If-None-Match``)."""
    given = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return etag.removeprefix("W/") in tags or "*" in tags


def send_file(
    request: Request, path: Path, record: FileRecord, name: str, *, inline: bool = False
) -> Response:
    """Answer with a stored file, a range of it, or 304.

    Parameters
    ----------
    request : Request
        For ``Range``, ``If-Range`` and ``If-None-Match``.
    path : Path
        Where the file lies.
    record : FileRecord
        Its size and SHA-256.
    name : str
        The name under which a person keeps it.
    inline : bool
        Whether a page shows it (pictures), or a person saves it.
    """
    etag = quoted(record.sha256)
    if unchanged(request, etag):
        return Response(status_code=304, headers={"etag": etag})
    require_stored(path, record, name)
    wanted = request.headers.get("range", "")
    if wanted:
        _check_range(wanted, record.size)
    return FileResponse(
        path,
        media_type=MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        filename=name,
        content_disposition_type="inline" if inline else "attachment",
        headers={"etag": etag},
    )


def send_made(content: bytes, media_type: str, name: str) -> Response:
    """Answer with a file that was made for this request; its ETag is its SHA-256."""
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "etag": quoted(hashlib.sha256(content).hexdigest()),
    }
    return Response(content, media_type=media_type, headers=headers)


def require_stored(path: Path, record: FileRecord, name: str) -> None:
    """Refuse a file which is not there any more, or not whole.

    Raises
    ------
    GoneError
        Naming it, with the remedy.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        size = None
    if size == record.size:
        return
    what = "is not on the disk any more" if size is None else "is not the file that was written"
    raise GoneError(
        f"The file {name} {what}: somebody, or something, changed the data folder. Put it back "
        "from a copy; a job can be cloned to make its results again."
    )


def _check_range(wanted: str, size: int) -> None:
    """Refuse a range beyond the file here, where the refusal becomes a problem document."""
    if not RANGE.fullmatch(wanted):
        raise HTTPException(416, f"The range '{wanted[:100]}' cannot be read.", _whole(size))
    starts = [part.strip().partition("-")[0] for part in wanted.removeprefix("bytes=").split(",")]
    if any(start and int(start) >= size for start in starts):
        raise HTTPException(
            416, f"The file has {size} bytes: the range '{wanted[:100]}' lies behind.", _whole(size)
        )


def _whole(size: int) -> dict[str, str]:
    return {"content-range": f"bytes */{size}"}
