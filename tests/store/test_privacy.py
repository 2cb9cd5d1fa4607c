"""Nobody else looks into a data folder, unless its group shall."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from support.services import environment

STARTS = """
import logging, sys
from contextlib import closing
from pathlib import Path
from subtomo_store import Settings, open_store
from subtomo_store.files.privacy import keep_private

logging.basicConfig(stream=sys.stdout, format="%(message)s")
settings = Settings(data=Path(sys.argv[1]), folder_access=sys.argv[2])
keep_private(settings.data, settings.folder_access)
with closing(open_store(settings)) as store:
    store.migrate()
(settings.data / "new").write_text("x")
"""


def started(data, access="private"):
    command = [sys.executable, "-c", STARTS, str(data), access]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=True, timeout=120
    ).stdout


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_private_and_nothing_is_said(tmp_path):
    data = tmp_path / "data"
    assert started(data) == ""
    assert (mode(data), mode(data / "subtomo.db"), mode(data / "new")) == (0o700, 0o600, 0o600)


@pytest.mark.parametrize(
    ("access", "folder", "database"), [("private", 0o700, 0o600), ("group", 0o2770, 0o660)]
)
def test_a_folder_that_stands_open_is_closed_with_a_line(tmp_path, access, folder, database):
    data = tmp_path / "data"
    started(data)
    os.chmod(data, 0o2775 if access == "group" else 0o755)
    os.chmod(data / "subtomo.db", 0o664)
    said = started(data, access)
    assert (mode(data), mode(data / "subtomo.db")) == (folder, database)
    assert f"others could read {data} (" in said
    assert f"others could read {data / 'subtomo.db'} (664): closed ({database:o})" in said
    assert started(data, access) == ""
