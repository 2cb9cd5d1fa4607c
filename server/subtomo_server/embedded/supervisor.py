"""Keeps one worker process alive, and ends it with the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from subtomo_store.config.settings import Settings

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 4.0


NOT_THE_WORKERS = {"source_roots", "oidc_client_secret", "metrics_token", "webhook_hosts"}


def worker_command() -> list[str]:
    """Name the worker as a process of its own; it ends by itself when its standard input closes."""
    return [sys.executable, "-m", "subtomo_worker", "--lifeline"]


def environment_of(settings: Settings) -> dict[str, str]:
    """Make the environment that gives a worker the same settings as this process."""
    # The worker answers no request: what guards them stays with the server.
    given = {
        f"SUBTOMO_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude=NOT_THE_WORKERS).items()
        if value is not None
    }
    # `-m` must find the package where this process found it, installed or not.
    given["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, **given}


class Supervisor:
    """Runs a command again whenever it ends, with a growing pause, until told to stop."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path):
        self.command = list(command)
        self.environment = environment
        self.log = log
        self.starts = 0
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._change = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the worker while one lives."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start the worker and keep it alive."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """End the worker: first by asking, after some seconds by force."""
        with self._change:
            self._stopping.set()
            process = self._process
        if process is not None:
            end(process)
        with suppress(RuntimeError):  # never started: who starts it was interrupted
            self._thread.join()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            process = self._spawn()
            if process is None:
                return
            code = process.wait()
            _let_go(process)
            if self._stopping.is_set():
                return
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = FIRST_PAUSE
            structlog.get_logger("subtomo_server").warning(
                "worker ended, starting it again", exit_code=code, pause_seconds=pause
            )
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._change, self.log.open("ab") as output:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self.command,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self.starts += 1
            return self._process


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    _let_go(process)
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _let_go(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        if process.stdin:
            process.stdin.close()


@contextmanager
def supervised_worker(settings: Settings) -> Iterator[Supervisor]:
    """Keep a worker alive within the block."""
    log = settings.data.expanduser() / "logs" / "worker.log"
    supervisor = Supervisor(worker_command(), environment_of(settings), log)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()
