"""Calls which make jobs out of jobs, and the secret of webhooks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from subtomo.calls import Calls, id_of
from subtomo.records import Job


class LifecycleCalls(Calls):
    """Resume, continue, clone, several values at once."""

    def continue_job(
        self,
        job: str | Job,
        *,
        from_iteration: int | None = None,
        iterations: int | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Job:
        """Go on from an iteration, in a new job which carries on the numbers.

        Parameters
        ----------
        job : str or Job
            The job, or its id.
        from_iteration : int, optional
            The last one by default.
        iterations : int, optional
            How many further ones; those which the job had left by default.
        changes : mapping, optional
            Fields of the specification, and ``priority``, ``queue`` or ``webhook``.

        Returns
        -------
        Job
            Without changes its results are those which the other job would have come to.
        """
        body = {
            "from_iteration": from_iteration,
            "iterations": iterations,
            "changes": dict(changes or {}),
        }
        return self._as_job(self._make("jobs", id_of(job), "continue", body=body))

    def resume(self, job: str | Job) -> Job:
        """Let a failed job go on from its last finished iteration; one that runs stays as it is."""
        return self._as_job(self._post("jobs", id_of(job), "resume", again=True))

    def clone(self, job: str | Job, changes: Mapping[str, Any] | None = None) -> Job:
        """Start a job with the specification of another one, but for the changes."""
        body = {"changes": dict(changes or {})}
        return self._as_job(self._make("jobs", id_of(job), "clone", body=body))

    def sweep(
        self,
        values: Mapping[str, Sequence[Any]],
        spec: Mapping[str, Any] | None = None,
        *,
        job: str | Job | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> list[Job]:
        """Start one job for each combination of the values of some fields.

        Parameters
        ----------
        values : mapping
            ``{"classes": [1, 2, 3]}``; fields within groups with dots.
        spec : mapping, optional
            What the jobs have in common.
        job : str or Job, optional
            An earlier job to take that from, in place of ``spec``.
        changes : mapping, optional
            Changes to either.
        """
        origin = {"job": id_of(job)} if job is not None else {"spec": dict(spec or {})}
        listed = {field: list(choices) for field, choices in values.items()}
        body = {**origin, "changes": dict(changes or {}), "values": listed}
        items = self._make("jobs", "sweep", body=body)["items"]
        return [self._as_job(item) for item in items]

    def webhook_secret(self, *, renew: bool = False) -> str:
        """Tell with what your webhooks are signed; ``renew`` replaces it first."""
        answer = self._post("webhook-secret") if renew else self._get("webhook-secret")
        return str(answer["secret"])

    def _make(self, *parts: str, body: Mapping[str, Any]) -> Any:
        """Post under a key of its own: repeated for a lost answer, it makes nothing twice."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return self._post(*parts, again=True, json=body, headers=headers)
