"""``subtomo admin clean``: first shown, then removed."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from subtomo_server.admin.clean import clean
from support.ended_jobs import ended_job
from support.records import opened


def test_the_command_shows_first_and_removes_when_told(tmp_path, monkeypatch: pytest.MonkeyPatch):
    url = f"sqlite:///{tmp_path}/subtomo.db"
    with opened(tmp_path / "data", url) as kept:
        shown_then_removed(kept, monkeypatch)


def shown_then_removed(kept, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ended_job(kept, [[40], [30]])
    monkeypatch.setenv("SUBTOMO_DATABASE_URL", str(kept.settings.database_url))
    monkeypatch.setenv("SUBTOMO_KEEP_ITERATIONS_DAYS", "1")
    app = typer.Typer()
    app.command()(clean)
    ask = ["--data", str(kept.settings.data)]
    shown = CliRunner().invoke(app, ask).output
    assert f"9 bytes  jobs/{job.id}/iteration_000  (the job ended 1 days ago or more" in shown
    assert "1 things, 9 bytes, would go; --apply removes them." in shown
    assert kept.files.iteration(job.id, 0).exists()
    assert "were removed" in CliRunner().invoke(app, [*ask, "--apply"]).output
    assert not kept.files.iteration(job.id, 0).exists()
