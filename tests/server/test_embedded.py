"""The parts which ``subtomo serve`` starts: each is really started here."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
import psutil
import pytest

from subtomo_server.auth.accounts import sign_in_of
from subtomo_server.embedded.address import AddressRefusedError, bind, check_address, url_of
from subtomo_server.embedded.broker import (
    LONGEST_SOCKET_PATH,
    BrokerKeeper,
    answers,
    broker_url,
    embedded_broker,
    socket_path,
)
from subtomo_server.embedded.connection import NOTE, Connection, write_note
from subtomo_server.embedded.lock import FolderInUseError, only_server
from subtomo_server.embedded.supervisor import Supervisor, environment_of, supervised_worker
from subtomo_server.ops.health import Readiness
from subtomo_store import Settings, open_store
from support.racing import at_once
from support.records import opened
from support.services import environment, wait_until


def test_the_broker_lives_as_long_as_its_block(tmp_path: Path):
    with embedded_broker(tmp_path) as url:
        assert url == f"redis+socket://{tmp_path}/broker.sock"
        assert answers(socket_path(tmp_path))
        mode = stat.S_IMODE((tmp_path / "broker.sock").stat().st_mode)
        assert mode & 0o077 == 0
    assert not answers(socket_path(tmp_path))
    assert not (tmp_path / "dump.rdb").exists()


def test_a_live_broker_is_taken_over(tmp_path: Path):
    with embedded_broker(tmp_path):
        before = (tmp_path / "broker.sock").stat().st_ino
        with embedded_broker(tmp_path):
            assert (tmp_path / "broker.sock").stat().st_ino == before
        assert not answers(socket_path(tmp_path))


KEEPS_A_BROKER = """
import sys, time
from pathlib import Path
from subtomo_server.embedded.broker import embedded_broker

with embedded_broker(Path(sys.argv[1])):
    print("kept", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a process to its parent")
def test_a_broker_ends_with_a_server_that_is_killed(tmp_path: Path):
    command = [sys.executable, "-c", KEEPS_A_BROKER, str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"kept\n"
        (broker,) = psutil.Process(server.pid).children()
        assert "redis-server" in broker.name()
        assert answers(socket_path(tmp_path))
        server.kill()
    wait_until(lambda: not broker.is_running(), "the broker is gone", 10)
    assert not answers(socket_path(tmp_path))


def test_a_broker_which_dies_is_started_again(tmp_path: Path):
    with embedded_broker(tmp_path):
        ours = str(socket_path(tmp_path))
        (found,) = [
            child for child in psutil.Process().children() if ours in " ".join(child.cmdline())
        ]
        found.kill()
        wait_until(
            lambda: not found.is_running() and answers(socket_path(tmp_path)), "another one answers"
        )


def test_a_broker_whose_start_is_interrupted_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    looks = iter([False])

    def interrupted(path: Path) -> bool:
        for look in looks:
            return look
        wait_until(lambda: answers(path), "the broker lives")
        raise KeyboardInterrupt

    monkeypatch.setattr("subtomo_server.embedded.broker.answers", interrupted)
    with pytest.raises(KeyboardInterrupt), embedded_broker(tmp_path):
        pass
    assert not answers(socket_path(tmp_path))


def test_a_stale_socket_is_replaced(tmp_path: Path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "broker.sock"))
    stale.close()
    with embedded_broker(tmp_path):
        assert answers(socket_path(tmp_path))


def test_a_deep_data_folder_gets_a_private_socket_elsewhere(tmp_path: Path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    path = socket_path(deep)
    assert len(os.fsencode(path)) <= LONGEST_SOCKET_PATH
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path == socket_path(deep)
    with embedded_broker(deep):
        assert answers(path)
    assert not path.parent.exists()


def test_a_deep_folder_for_temporary_files_is_passed_over(tmp_path: Path, monkeypatch):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    path = socket_path(deep)
    assert len(os.fsencode(path)) <= LONGEST_SOCKET_PATH
    with embedded_broker(deep):
        assert answers(path)
    assert not path.parent.exists()


def test_a_folder_with_odd_characters_still_has_a_broker(tmp_path: Path):
    folder = tmp_path / "my data #1"
    folder.mkdir()
    settings = Settings(data=folder)
    store = open_store(settings)
    with embedded_broker(folder) as url:
        assert url == broker_url(socket_path(folder))
        assert anyio.run(Readiness(store, url).ask).checks["broker"].ok
    assert not anyio.run(Readiness(store, url).ask).checks["broker"].ok
    store.close()


def test_one_server_for_one_folder(tmp_path: Path):
    with only_server(tmp_path):
        told = f"Process {os.getpid()} already serves"
        with pytest.raises(FolderInUseError, match=told), only_server(tmp_path):
            pass
    with only_server(tmp_path):
        pass


def test_the_note_is_private_and_its_token_lasts(tmp_path: Path):
    store = open_store(Settings(data=tmp_path))
    store.migrate()
    first = write_note(store, "http://127.0.0.1:1")
    second = write_note(store, "http://127.0.0.1:2")
    assert first.token == second.token
    note = tmp_path / NOTE
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert json.loads(note.read_text()) == {"url": "http://127.0.0.1:2", "token": first.token}
    assert sign_in_of(store, first.token) is not None
    assert first.token not in (tmp_path / "subtomo.db").read_bytes().decode("latin-1")
    note.write_text("{damaged")
    assert write_note(store, "http://127.0.0.1:3").token != first.token
    store.close()


def test_servers_which_start_at_once_all_leave_a_note(tmp_path: Path, database_url: str):
    with opened(tmp_path, database_url) as store:
        written = at_once(lambda number: write_note(store, f"http://server{number}"))
        assert all(sign_in_of(store, connection.token) for connection in written)
    assert Connection(**json.loads((tmp_path / NOTE).read_text())) in written
    assert not list(tmp_path.glob(f".{NOTE}*"))


LOSES_AN_INTERRUPT = """
import os, signal, sys
from pathlib import Path
from subtomo_server.embedded import service
from subtomo_store import Settings

def losing(call):
    def lost(*given):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            pass
        return call(*given)
    return lost

setattr(service, sys.argv[2], losing(getattr(service, sys.argv[2])))
try:
    service.serve_until_stopped(Settings(data=Path(sys.argv[1]), port=0), print, worker=False)
except KeyboardInterrupt:
    pass
print("ended")
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["_prepare", "create_app"])
def test_an_interrupt_which_is_lost_ends_the_service_all_the_same(tmp_path: Path, where: str):
    command = [sys.executable, "-c", LOSES_AN_INTERRUPT, str(tmp_path), where]
    ended = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=120, check=True
    )
    assert ended.stdout.endswith("ended\n")
    assert not answers(socket_path(tmp_path))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_only_loopback_without_being_asked(host: str):
    with pytest.raises(AddressRefusedError, match="allow-remote"):
        check_address(host, allow_remote=False)
    check_address(host, allow_remote=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_is_fine(host: str):
    check_address(host, allow_remote=False)


def test_a_taken_port_is_told_in_a_sentence():
    with bind("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(AddressRefusedError, match=f"port {port}, cannot be taken"):
            bind("127.0.0.1", port)


def test_addresses_for_people():
    assert url_of("0.0.0.0", 8) == "http://127.0.0.1:8"
    assert url_of("::1", 8) == "http://[::1]:8"


def supervised(tmp_path: Path, code: str) -> Supervisor:
    command = [sys.executable, "-c", code]
    return Supervisor(command, dict(os.environ), tmp_path / "logs" / "worker.log")


def test_a_worker_which_dies_is_started_again(tmp_path: Path):
    supervisor = supervised(tmp_path, "import sys; sys.stdin.read()")
    supervisor.start()
    try:
        wait_until(lambda: supervisor.pid, "the worker lives")
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: supervisor.pid not in (None, first), "it lives again")
        assert supervisor.starts == 2
    finally:
        supervisor.stop()
    assert supervisor.pid is None


def test_a_worker_which_dies_at_once_is_not_started_in_a_frenzy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("subtomo_server.embedded.supervisor.FIRST_PAUSE", 600.0)
    supervisor = supervised(tmp_path, "print('dead'); raise SystemExit(3)")
    supervisor.start()
    log = tmp_path / "logs" / "worker.log"
    wait_until(
        lambda: log.exists() and "dead" in log.read_text() and supervisor.pid is None, "it died"
    )
    supervisor.stop()  # which does not wait for the pause, either
    assert supervisor.starts == 1


def test_a_worker_which_does_not_listen_is_ended_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("subtomo_server.embedded.supervisor.STOP_SECONDS", 0.5)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    supervisor = supervised(tmp_path, code)
    supervisor.start()
    log = tmp_path / "logs" / "worker.log"
    wait_until(lambda: log.exists() and "deaf" in log.read_text(), "it does not listen")
    supervisor.stop()
    assert supervisor.pid is None


def test_a_worker_whose_start_is_interrupted_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    started = []

    def interrupted(supervisor: Supervisor) -> None:
        start(supervisor)
        wait_until(lambda: supervisor.pid, "the worker lives")
        started.append(supervisor)
        raise KeyboardInterrupt

    start = Supervisor.start
    monkeypatch.setattr(Supervisor, "start", interrupted)
    settings = Settings(data=tmp_path, broker_url="memory://")
    with pytest.raises(KeyboardInterrupt), supervised_worker(settings):
        pass
    assert started[0].pid is None


def test_what_was_never_started_ends(tmp_path: Path):
    supervised(tmp_path, "").stop()
    BrokerKeeper(socket_path(tmp_path), tmp_path).stop()


def test_a_worker_gets_the_servers_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = Settings(data=tmp_path, broker_url="redis://x/0", lease_seconds=7, threads=3)
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_a_worker_gets_none_of_the_servers_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    secret = "nobody-elses-business"
    guards = {"oidc_client_secret": secret, "metrics_token": secret, "webhook_hosts": ("lims",)}
    settings = Settings(data=tmp_path, broker_url="redis://x/0", **guards)
    given = environment_of(settings)
    assert secret not in given.values()
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings().metrics_token is None
