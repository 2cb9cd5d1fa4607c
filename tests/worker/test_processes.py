"""Whether a process is gone is judged by its pid, its start and where its pid counts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from subtomo_worker.processes import Birth, is_gone, own_birth, pid_namespace


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def birth_of(process: subprocess.Popen[bytes]) -> Birth:
    return Birth(pid_namespace(), process.pid, psutil.Process(process.pid).create_time())


def test_this_process_lives():
    assert own_birth().pid == os.getpid()
    assert not is_gone(own_birth())


def test_a_stopped_process_lives_and_a_killed_one_is_gone_before_it_is_buried(sleeper):
    birth = birth_of(sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    assert not is_gone(birth)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(birth)
    sleeper.wait()
    assert is_gone(birth)


def test_a_pid_which_came_back_is_another_process(sleeper):
    birth = birth_of(sleeper)
    assert is_gone(birth._replace(born=birth.born - 60))
    assert not is_gone(birth._replace(born=birth.born - 0.5))


def test_a_process_of_another_container_is_never_called_gone(sleeper):
    assert not is_gone(birth_of(sleeper)._replace(namespace="pid:[1]", born=0.0))
