"""What can go wrong when talking to a Subtomo server.

::

    SubtomoError
    ├── ConnectionFailed      no server answered
    ├── InvalidInput          something on this side cannot be sent (a missing file, a bad STAR)
    ├── HTTPProblem           the server refused (application/problem+json)
    │   ├── NotSignedIn       401, 403
    │   ├── NotFound          404, 410
    │   └── Conflict          409
    ├── Rejected              a dataset did not pass its checks; carries every problem
    ├── JobFailed             a job ended as failed or cancelled
    └── ChecksumMismatch      a download does not have the announced SHA-256
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subtomo.records import Job


class SubtomoError(Exception):
    """Base of all errors of this package; its text is one or more plain sentences."""


class ConnectionFailed(SubtomoError):
    """No server answered at the address."""


class InvalidInput(SubtomoError):
    """Something on this side cannot be sent."""


class ChecksumMismatch(SubtomoError):
    """A downloaded file is not what the server announced; nothing was kept of it."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input, and where.

    Attributes
    ----------
    detail : str
        One sentence: what is wrong and the remedy.
    pointer : str
        JSON pointer into the request's body, or empty.
    file, column : str
        Name of the file and of the STAR column or header field, or empty.
    row : int or None
        Row of the table, counted from 1.
    """

    detail: str
    pointer: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""

    @classmethod
    def read(cls, value: Any) -> Fault:
        """Make a fault of one entry of a problem's ``errors``."""
        if not isinstance(value, dict):
            return cls(detail=str(value))
        row = value.get("row")
        return cls(
            detail=str(value.get("detail") or value.get("msg") or "not acceptable"),
            pointer=str(value.get("pointer") or ""),
            file=str(value.get("file") or ""),
            row=row if isinstance(row, int) else None,
            column=str(value.get("column") or ""),
        )

    def __str__(self) -> str:
        """Return the place and the sentence."""
        places = [
            self.file if self.file and self.file not in self.detail else "",
            f"row {self.row}"
            if self.row is not None and f"row {self.row}" not in self.detail
            else "",
            self.column if self.column and self.column not in self.detail else "",
            self.pointer,
        ]
        place = ", ".join(part for part in places if part)
        return f"{place}: {self.detail}" if place else self.detail


def _told(sentence: str, faults: Sequence[Fault]) -> str:
    """Join a summary and its single faults; what the summary quotes is not said twice."""
    if faults and faults[0].detail in sentence:
        if len(faults) == 1:
            return f"{sentence} ({faults[0].pointer})" if faults[0].pointer else sentence
        sentence = f"{len(faults)} things are wrong:"
    return "\n".join([sentence, *(f"  {fault}" for fault in faults)])


class HTTPProblem(SubtomoError):
    """The server refused a request (RFC 9457).

    Attributes
    ----------
    status : int
        HTTP status code.
    type, title, detail : str
        As the server sent them; ``type`` is stable and may be compared.
    faults : tuple of Fault
        Each single thing wrong with the request.
    """

    def __init__(
        self,
        status: int,
        *,
        type: str = "about:blank",
        title: str = "",
        detail: str = "",
        faults: Sequence[Fault] = (),
    ):
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail or title or f"the server answered with status {status}"
        self.faults = tuple(faults)
        super().__init__(_told(self.detail, self.faults))


class NotSignedIn(HTTPProblem):
    """The token is missing, wrong or not allowed to do this."""


class NotFound(HTTPProblem):
    """There is no such dataset, job or file."""


class Conflict(HTTPProblem):
    """The thing is in a state in which this cannot be done."""


class Rejected(SubtomoError):
    """A dataset did not pass its checks.

    Attributes
    ----------
    dataset : str
        Id of the dataset.
    faults : tuple of Fault
        Everything found, not only the first.
    """

    def __init__(self, dataset: str, faults: Sequence[Fault]):
        self.dataset = dataset
        self.faults = tuple(faults)
        count = len(self.faults)
        noun = "problem" if count == 1 else "problems"
        super().__init__(_told(f"The dataset was rejected: {count} {noun}.", self.faults))


class JobFailed(SubtomoError):
    """A job ended without a result.

    Attributes
    ----------
    job : Job
        The job as it ended.
    """

    def __init__(self, job: Job):
        self.job = job
        super().__init__(how_it_ended(job))


def how_it_ended(job: Job) -> str:
    """Say in a sentence how a job ended, with the reason where there is one."""
    sentence = f"Job {job.id} {'was ' if job.status == 'cancelled' else ''}{job.status}"
    return f"{sentence}: {job.status_reason}" if job.status_reason else f"{sentence}."
