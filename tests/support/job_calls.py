"""What tests do to jobs over HTTP, and what a worker does to them."""

from __future__ import annotations

from typing import Any

from subtomo_store.jobs.transitions import lock, move
from support.serving import Served, small_spec


def post(service: Served, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post a body, and read what was made."""
    answer = service.client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def refused(service: Served, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Read the first fault of a request which is refused."""
    answer = service.client.post(path, json=body)
    assert answer.status_code in (409, 422), answer.text
    problem = dict(answer.json())
    return problem["errors"][0] if "errors" in problem else problem


def cancel(service: Served, *jobs: dict[str, Any]) -> None:
    """Cancel jobs."""
    for job in jobs:
        service.client.post(f"/jobs/{job['id']}/cancel").raise_for_status()


def new_job(
    service: Served, dataset: str, key: str | None = None, **changes: object
) -> dict[str, Any]:
    """Post a small job, and read what was made."""
    headers = {"idempotency-key": key} if key else {}
    spec = small_spec(dataset, **changes)
    answer = service.client.post("/jobs", json=spec, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"
    return dict(answer.json())


def to(service: Served, job: str, status: str, reason: str | None = None) -> None:
    """Move a job as a worker would."""
    with service.store.begin() as session:
        move(session, lock(session, job), status, reason)  # type: ignore[arg-type]
