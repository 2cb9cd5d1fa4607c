"""Large arrays go back to the system."""

import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np
import psutil
from subtomo_worker.memory import return_large_arrays
assert return_large_arrays()
resident = psutil.Process().memory_info
np.ones(2**21)  # 16 MiB: freed, it would raise the limit
before, kept = resident().rss, []
large = []
for _ in range(12):
    large.append(np.ones(2**20))
    kept.append(np.ones(2**10))  # in between, so that a hole is left
assert resident().rss - before > 90 * 2**20
del large
assert resident().rss - before < 8 * 2**20
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of the C library of Linux")
def test_freed_arrays_leave_no_holes_in_the_process():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
