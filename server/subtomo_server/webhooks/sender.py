"""Sends what stands in the outbox. Any number of servers may do so at once."""

from __future__ import annotations

import json
import ssl
import threading
import time
from contextlib import suppress

import httpcore
import structlog
from sqlalchemy.exc import SQLAlchemyError

from subtomo_core.errors import InputError, SubtomoError
from subtomo_server.webhooks.guard import GuardedBackend
from subtomo_server.webhooks.signing import signed_headers
from subtomo_server.webhooks.targets import check_target
from subtomo_store.database.engine import Store
from subtomo_store.database.records import Job
from subtomo_store.errors import NotFoundError
from subtomo_store.jobs import jobs, webhooks

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 10.0  # for one attempt
LEASE_SECONDS = 30.0  # after which another attempt may follow one of which nothing was heard


class Sender:
    """A thread that looks for webhooks that are due, and sends them one after the other."""

    def __init__(self, store: Store, lease_seconds: float = LEASE_SECONDS):
        self._store = store
        self._lease_seconds = lease_seconds
        self._tls = ssl.create_default_context()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the attempt under way."""
        self._over.set()
        self._thread.join(PATIENCE_SECONDS + 1.0)

    def send_due(self) -> int:
        """Make one attempt at each webhook that is due; returns how many."""
        with self._store.read() as session:
            found = webhooks.due(session)
        for job_id in found:
            if self._over.is_set():
                break
            with self._store.begin() as session:
                claimed = webhooks.claim(session, job_id, self._store.settings, self._lease_seconds)
            if claimed is not None:
                self._attempt(claimed)
        return len(found)

    def _attempt(self, claimed: webhooks.Claim) -> None:
        with suppress(NotFoundError):  # deleted meanwhile
            with self._store.begin() as session:
                job = jobs.get(session, claimed.job_id)
                secret = webhooks.secret_of(session, job.user_id)
            error = self._post(claimed, job, secret)
            with self._store.begin() as session:
                if error is None:
                    webhooks.acknowledged(session, claimed)
                else:
                    webhooks.refused(session, claimed, error, self._store.settings)
            structlog.get_logger("subtomo_server").info(
                "webhook", job=job.id, attempt=claimed.attempt, error=error
            )

    def _post(self, claimed: webhooks.Claim, job: Job, secret: str) -> str | None:
        """Make one attempt; returns why it failed, or None."""
        body = body_of(job)
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("content-type", "application/json"),
            ("user-agent", "subtomo-webhook"),
            *signed_headers(secret, claimed.message_id, int(time.time()), body).items(),
        ]
        try:
            target = check_target(claimed.url, self._store.settings.webhook_hosts)
            backend = GuardedBackend(PATIENCE_SECONDS, trusted=target.trusted)
            with (
                httpcore.ConnectionPool(self._tls, network_backend=backend) as pool,
                pool.stream("POST", claimed.url, headers=headers, content=body) as answer,
            ):
                # A redirection is no acknowledgement: it may lead anywhere.
                return None if 200 <= answer.status < 300 else f"the receiver said {answer.status}"
        except InputError as error:
            return str(error)
        except (httpcore.TimeoutException, httpcore.NetworkError) as error:
            return f"the receiver cannot be reached ({error or type(error).__name__})"
        except (httpcore.ProtocolError, OSError, ValueError) as error:
            return f"the receiver does not speak HTTP ({type(error).__name__})"

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self.send_due()
            except (SQLAlchemyError, SubtomoError) as error:
                structlog.get_logger("subtomo_server").warning(
                    "webhooks wait", error=type(error).__name__
                )


def body_of(job: Job) -> bytes:
    """What a receiver is told; the same in every attempt."""
    data = {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "status_reason": job.status_reason,
        "dataset": job.dataset_id,
        "iteration": job.iteration,
        "finished": None if job.finished is None else job.finished.isoformat(),
    }
    told = {"type": f"job.{job.status}", "timestamp": data["finished"], "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
