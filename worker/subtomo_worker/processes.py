"""Which process a worker is, so that another on the same machine sees when it is gone."""

from __future__ import annotations

import os
from typing import NamedTuple

import psutil

CLOCK_SECONDS = 2.0


class Birth(NamedTuple):
    """What tells a process from every other, since process ids come back.

    Attributes
    ----------
    namespace : str
        Where the ids count: each container has its own, perhaps under one host name.
    pid : int
    born : float
        Seconds since 1970, as the system tells it.
    """

    namespace: str
    pid: int
    born: float


def own_birth() -> Birth:
    """Tell this process's birth."""
    return Birth(pid_namespace(), os.getpid(), psutil.Process().create_time())


def parent_birth() -> Birth | None:
    """Birth of the process which started this one; None where it cannot be seen."""
    parent = os.getppid()
    if parent == 0:  # in another container
        return None
    try:
        return Birth(pid_namespace(), parent, psutil.Process(parent).create_time())
    except psutil.Error:
        return None


def pid_namespace() -> str:
    """Name the namespace of process ids; empty where the system has only one."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def is_gone(birth: Birth) -> bool:
    """Whether the process has ended for certain: one we cannot see may well live."""
    if birth.namespace != pid_namespace():
        return False
    try:
        process = psutil.Process(birth.pid)
        # The system's clock may be set right meanwhile, which moves start times a little.
        if abs(process.create_time() - birth.born) > CLOCK_SECONDS:
            return True
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
