"""Processes that end with the one that starts them, even where that one is killed.

``prctl(PR_SET_PDEATHSIG)`` has to be called in the child. It is called here by an interpreter
that then becomes the program itself: calling Python between fork and exec, in a server with
threads, may hang.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# The signal is bound to a process's parent when it is asked for: a parent that was gone by then
# is looked for afterwards.
BIND = """
import ctypes, os, signal, sys
parent, program = int(sys.argv[1]), sys.argv[2:]
if ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM, 0, 0, 0) != 0:
    sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
if os.getppid() != parent:
    sys.exit("the parent is gone")
os.execv(program[0], program)
"""


def bound(command: Sequence[str]) -> list[str]:
    """Command of a process that gets SIGTERM when the calling thread ends; itself off Linux.

    The system watches the thread that starts the process: it has to live as long as the process
    shall.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", BIND, str(os.getpid()), *command]
