"""Calls about jobs: submit, follow, cancel."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Unpack

import httpx

from subtomo.calls import Calls, id_of, path_of
from subtomo.errors import ConnectionFailed, JobFailed, SubtomoError
from subtomo.fields import JobFields
from subtomo.patience import Patience
from subtomo.records import TERMINAL, Estimate, Event, Iteration, Job, Record
from subtomo.sse import parse, split_lines

LONG_POLL_S = 20
SILENCE_S = 60.0
PAUSE_S = 0.25


class JobCalls(Calls):
    """Jobs."""

    def submit(
        self,
        spec: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[JobFields],
    ) -> Job:
        """Submit a job.

        Each call carries a key of its own, so that a request which is repeated because the
        answer was lost makes no second job.

        Parameters
        ----------
        spec : mapping, optional
            The specification as in the HTTP contract.
        idempotency_key : str, optional
            A key of the caller's, to make repeated calls safe as well.
        **fields
            Fields of the specification (``dataset``, ``algorithm``, ``classes``, ...), added to
            ``spec``; records stand for their ids.

        Returns
        -------
        Job
            With the specification in full, every default filled in.

        Raises
        ------
        HTTPProblem
            If the specification does not fit the dataset.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        body = _body(spec, fields)
        return self._as_job(self._post("jobs", again=True, json=body, headers=headers))

    def validate(
        self, spec: Mapping[str, Any] | None = None, **fields: Unpack[JobFields]
    ) -> dict[str, Any]:
        """Check a specification without running it; return it with every default filled in."""
        answer = self._post("jobs", "validate", again=True, json=_body(spec, fields))
        resolved: dict[str, Any] = answer["spec"]
        return resolved

    def estimate(
        self, spec: Mapping[str, Any] | None = None, **fields: Unpack[JobFields]
    ) -> Estimate:
        """Tell what a job would need."""
        answer = self._post("jobs", "estimate", again=True, json=_body(spec, fields))
        return Estimate.model_validate(answer)

    def job(self, job: str | Job) -> Job:
        """Read one job."""
        return self._as_job(self._get("jobs", id_of(job)))

    def jobs(
        self,
        *,
        status: str | None = None,
        dataset: str | Record | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """List jobs, newest first."""
        params = {"status": status, "dataset": id_of(dataset) if dataset else None}
        return [self._as_job(entry) for entry in self._pages("jobs", limit=limit, params=params)]

    def watch(self, job: str | Job, *, after: int = 0) -> Iterator[Event]:
        """Follow a job's events as they happen, from the first one to the job's end.

        A connection that breaks is made anew and goes on behind the last event seen; no event
        comes twice.

        Parameters
        ----------
        job : str or Job
            The job, or its id.
        after : int
            Number of the last event seen already.
        """
        patience, ended, over = Patience(self._transport.patience), False, False
        while True:
            try:
                for event in self._stream(id_of(job), after):
                    if event.id > after:
                        after = event.id
                        patience.renew()
                        yield event
                        # More may follow: a job that failed may have been resumed.
                        over = event.kind == "status" and event.data.get("status") in TERMINAL
                if over:
                    return
            except httpx.TransportError as error:
                if not patience.rest():
                    raise ConnectionFailed(f"Lost sight of job {id_of(job)}: {error}.") from error
            if ended:
                return
            # A job that ended wrote its last event before: one more look finds it.
            ended = self.job(job).terminal
            time.sleep(0.0 if ended else PAUSE_S)

    def _stream(self, job: str, after: int) -> Iterator[Event]:
        with self._transport.stream(
            path_of("jobs", job, "events"),
            headers={"Accept": "text/event-stream", "Last-Event-ID": str(after)},
            timeout=httpx.Timeout(10.0, read=SILENCE_S),
        ) as response:
            for message in parse(split_lines(response.iter_raw())):
                if message.id.isdigit():
                    yield Event.model_validate_json(message.data)

    def wait(
        self, job: str | Job, *, timeout: float | None = None, must_succeed: bool = True
    ) -> Job:
        """Wait for a job's end.

        Parameters
        ----------
        job : str or Job
            The job, or its id.
        timeout : float, optional
            Seconds to wait at the most.
        must_succeed : bool
            Whether a failed or cancelled job is an error.

        Raises
        ------
        JobFailed
            If the job did not succeed, with the reason.
        """
        end = None if timeout is None else time.monotonic() + timeout
        record, etag = self.job(job), ""
        while not record.terminal:
            left = LONG_POLL_S if end is None else end - time.monotonic()
            if left <= 0:
                raise SubtomoError(f"Job {record.id} is still {record.status} after {timeout:g} s.")
            asked = time.monotonic()
            record, etag = self._look(record, etag, min(LONG_POLL_S, left))
            if not record.terminal and time.monotonic() - asked < 0.5:
                time.sleep(min(0.5, left))
        if must_succeed and record.status != "succeeded":
            raise JobFailed(record)
        return record

    def _look(self, job: Job, etag: str, seconds: float) -> tuple[Job, str]:
        headers = {"Prefer": f"wait={max(1, round(seconds))}"}
        if etag:
            headers["If-None-Match"] = etag
        answer = self._transport.request(
            "GET",
            path_of("jobs", job.id),
            again=True,
            headers=headers,
            timeout=httpx.Timeout(10.0, read=seconds + 30.0),
        )
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return job, etag
        return self._as_job(answer.json()), answer.headers.get("ETag", "")

    def iterations(self, job: str | Job) -> list[Iteration]:
        """List a job's finished iterations with their metrics, first to last."""
        entries = self._get("jobs", id_of(job), "iterations")["items"]
        return [Iteration.model_validate(entry) for entry in entries]

    def iteration(self, job: str | Job, number: int | str = "last") -> Iteration:
        """Read one iteration with its metrics."""
        return Iteration.model_validate(self._get("jobs", id_of(job), "iterations", number))

    def change_job(
        self, job: str | Job, *, name: str | None = None, priority: int | None = None
    ) -> Job:
        """Give a job another name or, while it waits or runs, another priority."""
        given = {"name": name, "priority": priority}
        body = {field: value for field, value in given.items() if value is not None}
        return self._as_job(self._patch("jobs", id_of(job), json=body))

    def cancel(self, job: str | Job) -> Job:
        """Ask for a job's end; what it has finished stays."""
        return self._as_job(self._post("jobs", id_of(job), "cancel", again=True))

    def delete_job(self, job: str | Job) -> None:
        """Delete a job which has ended, with its files."""
        self._delete("jobs", id_of(job))


def _body(spec: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    body = {**(spec or {}), **fields}
    if isinstance(body.get("dataset"), Record):
        body["dataset"] = id_of(body["dataset"])
    return body
