"""Answers of a small server which stands for a service with one dataset and one job."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from support.small_server import Answer, Request, SmallServer

DATASET = {
    "id": "ds_1",
    "name": "ribosomes",
    "status": "ready",
    "particles": 80,
    "box": 32,
    "voxel_size_angstrom": 6.0,
    "created": "2026-01-01T00:00:00Z",
}
PROGRESS = {
    "iteration": 1,
    "iterations": 2,
    "particles_done": 40,
    "particles": 80,
    "fraction": 0.5,
    "eta_seconds": 10.0,
}
JOB = {
    "id": "job_1",
    "name": "first look",
    "dataset": "ds_1",
    "status": "running",
    "status_reason": None,
    "spec": {"algorithm": "faml", "classes": 2, "iterations": 2},
    "progress": PROGRESS,
    "created": "2026-01-01T00:00:00Z",
    "started": "2026-01-01T00:00:01Z",
    "finished": None,
}
DONE = JOB | {"status": "succeeded", "finished": "2026-01-01T00:01:01Z"}
METRICS = {
    "class_shares": [0.75, 0.25],
    "resolution_0143_angstrom": [24.06, None],
    "fsc_kind": "shared reference",
    "pose_change_deg": 3.21,
}


def answering(value: Any, **options: Any) -> Answer:
    """Answer with JSON."""
    return lambda request: request.answer(value, **options)


def event(number: int, kind: str = "progress", **data: object) -> bytes:
    """One event as it goes over the wire."""
    body = {"id": number, "time": "2026-01-01T00:00:00Z", "kind": kind, "data": data}
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(body)}\n\n".encode()


def streaming(*pieces: bytes, then_break: bool = False) -> Answer:
    """Answer with a stream of events, ended properly or cut."""

    def answer(request: Request) -> None:
        request.begin(200, {"Content-Type": "text/event-stream"})
        for piece in pieces:
            request.write(piece)
        if then_break:
            request.hang_up()

    return answer


def a_file(content: bytes) -> Answer:
    """Answer with a file and its checksum."""

    def answer(request: Request) -> None:
        digest = hashlib.sha256(content).hexdigest()
        request.begin(200, {"ETag": f'"{digest}"', "Content-Length": str(len(content))})
        request.write(content)

    return answer


def stored(request: Request) -> None:
    """Answer as a server which kept the body."""
    name = request.path.rpartition("/files/")[2]
    digest = hashlib.sha256(request.body).hexdigest()
    request.answer({"name": name, "size": len(request.body), "sha256": digest})


def one_job(server: SmallServer, ended: dict[str, Any] | None = None) -> None:
    """Let ``server`` know a dataset and a job which runs two iterations and ends."""
    final = DONE if ended is None else ended
    api = "/api/v1"
    server.on(f"GET {api}/datasets", answering({"items": [DATASET], "cursor": None}))
    server.on(f"GET {api}/datasets/ds_1", answering(DATASET))
    server.on(f"GET {api}/jobs", answering({"items": [JOB], "cursor": None}))
    server.on(f"POST {api}/jobs", answering(JOB, status=201))
    server.on(f"GET {api}/jobs/job_1", answering(final))
    server.on(
        f"GET {api}/jobs/job_1/events",
        streaming(
            event(1, "status", status="running"),
            event(2, "progress", **PROGRESS),
            event(3, "iteration", iteration=1, seconds=12.0, metrics=METRICS),
            event(4, "alarm", iteration=1, detail="class 2 is nearly empty"),
            event(5, "status", status=final["status"], reason=final["status_reason"]),
        ),
    )
