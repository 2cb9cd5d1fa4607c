"""The embedded service as a process of its own, for as long as the demo lives."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from subtomo import Client, ConnectionFailed, HTTPProblem
from subtomo.errors import SubtomoError
from subtomo_server.auth.links import link_for
from subtomo_server.embedded.connection import NOTE, USER
from subtomo_store import Settings, open_store
from subtomo_store.people import users

START_SECONDS = 60.0
STOP_SECONDS = 20.0
OWN_SETTINGS = ("SUBTOMO_DATABASE_URL", "SUBTOMO_BROKER_URL", "SUBTOMO_PUBLIC_URL")


class ServiceFailed(SubtomoError):
    """The service did not start, or ended by itself."""


class Service(NamedTuple):
    """A running service.

    Attributes
    ----------
    url, token : str
        Its address and the token of its user.
    log : Path
        What it prints.
    """

    url: str
    token: str
    log: Path

    @property
    def page(self) -> str:
        """A link which signs a browser in, once."""
        # The service's own folder, whatever the environment names.
        own = Settings(data=self.log.parent, database_url=None, broker_url=None)
        with closing(open_store(own)) as store:
            with store.read() as session:
                user = users.find(session, USER)
            return link_for(store, user, self.url, self.token)


@contextmanager
def running_service(data: Path, port: int | None) -> Iterator[Service]:
    """Run ``subtomo serve`` in ``data`` within the block, and end it afterwards.

    Parameters
    ----------
    data : Path
        Data folder.
    port : int or None
        Port to bind to; a free one when None.

    Raises
    ------
    ServiceFailed
        If it does not answer within a minute; the sentence names its log.
    """
    data.mkdir(parents=True, exist_ok=True)
    log = data / "serve.log"
    (data / NOTE).unlink(missing_ok=True)
    process = _start(data, port or free_port(), log)
    try:
        yield _when_ready(process, data, log)
    finally:
        _stop(process)


def free_port() -> int:
    """Ask the system for a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(data: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    environment = {name: text for name, text in os.environ.items() if name not in OWN_SETTINGS}
    environment["SUBTOMO_DATA"] = str(data)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "subtomo_server", "--data", str(data), "--port", str(port)]
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends the service
        )


def _when_ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> Service:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise ServiceFailed(f"The service ended by itself; {log} says why:\n{_tail(log)}")
        found = _read_note(data / NOTE, log)
        if found is not None and _answers(found):
            return found
        time.sleep(0.2)
    raise ServiceFailed(f"The service does not answer after {START_SECONDS:.0f} s; see {log}.")


def _read_note(path: Path, log: Path) -> Service | None:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return Service(note["url"], note["token"], log)
    except (OSError, ValueError, KeyError):
        return None


def _answers(service: Service) -> bool:
    try:
        with Client(service.url, service.token, patience=0.0) as client:
            return client.ready()
    except (ConnectionFailed, HTTPProblem):
        return False


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # Its broker and its worker live in sessions of their own, and would outlive it.
        own = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for child in own:
            with suppress(psutil.NoSuchProcess):
                child.kill()
