"""Datasets and jobs as a notebook shows them."""

from __future__ import annotations

import copy
import pickle

import pytest

from subtomo import Client, Dataset, Job
from support.job_answers import DATASET, DONE, METRICS, a_file, answering
from support.small_server import SmallServer

API = "/api/v1"
PNG = b"\x89PNG picture"
SHOWN = "data:image/png;base64,iVBORyBwaWN0dXJl"
VERDICT = {"state": "noise", "summary": "no <structure>", "reasons": ["one reason"]}


@pytest.fixture
def answers(server: SmallServer) -> SmallServer:
    server.on(f"GET {API}/jobs/job_1", answering(DONE))
    last = {"number": 2, "metrics": METRICS | {"verdict": VERDICT}}
    server.on(f"GET {API}/jobs/job_1/iterations/last", answering(last))
    for k in (1, 2):
        server.on(f"GET {API}/jobs/job_1/iterations/2/classes/{k}/slices.png", a_file(PNG))
    server.on(f"GET {API}/datasets/ds_1", answering(DATASET))
    server.on(f"GET {API}/datasets/ds_1/preview.png", a_file(PNG))
    return server


def test_a_job_shows_its_state_verdict_and_classes(answers: SmallServer, client: Client):
    html = client.job("job_1")._repr_html_()
    assert f'<a href="{client.url}/jobs/job_1"><b>first look</b></a>' in html
    assert "<td>succeeded</td>" in html
    assert "Verdict: no &lt;structure&gt;." in html
    assert "<li>one reason</li>" in html
    assert "Class 1, 75.0 % of the particles, 24.1 Å at FSC 0.143" in html
    assert "Class 2, 25.0 % of the particles<br>" in html
    assert html.count(SHOWN) == 2


def test_a_dataset_shows_its_particles_or_what_is_wrong(answers: SmallServer, client: Client):
    html = client.dataset("ds_1")._repr_html_()
    assert "<td>80</td>" in html
    assert html.count(SHOWN) == 1
    wrong = {"status": "rejected", "problems": [{"detail": "row 3 & more"}]}
    answers.on(f"GET {API}/datasets/ds_1", answering(DATASET | wrong))
    html = client.dataset("ds_1")._repr_html_()
    assert "<li>row 3 &amp; more</li>" in html
    assert "<img" not in html


def test_a_record_is_shown_without_pictures_where_nobody_can_be_asked(
    answers: SmallServer, client: Client
):
    job = client.job("job_1")
    for other in (Job.model_validate(DONE), pickle.loads(pickle.dumps(job)), copy.deepcopy(job)):
        assert other == job
        assert "first look" in other._repr_html_()
        assert "<img" not in other._repr_html_()
    assert "ribosomes" in Dataset.model_validate(DATASET)._repr_html_()
    answers.on(f"GET {API}/jobs/job_1/iterations/last", answering({"detail": "gone"}, status=404))
    assert "Class" not in job._repr_html_()
