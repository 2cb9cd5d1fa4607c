"""The numbers of the service: for whoever has the token, the same from every server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from subtomo_store import Settings
from support.services import RedisServer, WorkerProcess, wait_until
from support.serving import Served, ready_dataset, served, small_spec

TOKEN = "prometheus-of-this-test"
Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def settings(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data"), broker_url=redis.url, metrics_token=TOKEN)


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[Served]:
    with served(settings) as running:
        yield running


def asked(service: Served, token: str = TOKEN) -> httpx.Response:
    with service.stranger as stranger:
        return stranger.get("/metrics", headers={"authorization": f"Bearer {token}"})


def numbers(service: Served) -> Numbers:
    families = text_string_to_metric_families(asked(service).raise_for_status().text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Numbers, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def total(found: Numbers, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(v for (n, given), v in found.items() if n == name and wanted <= given)


def test_only_the_metrics_token_opens_and_it_opens_nothing_else(service: Served):
    assert asked(service).status_code == 200
    for wrong in (service.token, "wrong"):
        answer = asked(service, wrong)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "SUBTOMO_METRICS_TOKEN" in answer.json()["detail"]
    cookie = {"cookie": f"subtomo_token={TOKEN}"}
    with service.stranger as stranger:
        assert stranger.get("/metrics").status_code == 401
        assert stranger.get("/metrics", headers=cookie).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert stranger.get("/api/v1/jobs", headers=bearer).status_code == 401


def test_without_a_token_the_address_does_not_exist(redis: RedisServer, tmp_path):
    with served(Settings(data=tmp_path, broker_url=redis.url)) as other:
        assert asked(other).status_code == 404


def test_a_short_token_is_refused_at_the_start():
    with pytest.raises(ValueError, match="at least 16"):
        Settings(metrics_token="guessme")


def test_a_jobs_way_shows_in_the_numbers(service: Served, worker: WorkerProcess, tmp_path):
    dataset = ready_dataset(service.client, tmp_path)
    before = numbers(service)
    assert value(before, "subtomo_datasets_checked_total", status="ready") == 1
    assert value(before, "subtomo_uploads_total", kind="dataset") == 4
    assert value(before, "subtomo_upload_bytes_total", kind="dataset") > 4 * 16**3 * 4
    made = service.client.post("/jobs", json=small_spec(dataset, batch_particles=2)).json()["id"]
    ended = service.client.get(f"/jobs/{made}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded", ended
    found = numbers(service)
    assert value(found, "subtomo_jobs", status="succeeded") == 1
    assert value(found, "subtomo_jobs_ended_total", status="succeeded") == 1
    assert value(found, "subtomo_task_seconds_count", kind="align") == 6
    assert value(found, "subtomo_task_seconds_bucket", kind="align", le="+Inf") == 6
    assert value(found, "subtomo_task_seconds_sum", kind="align") > 0
    assert value(found, "subtomo_workers") == 1
    assert total(found, "subtomo_worker_heartbeat_age_seconds") < 60
    assert value(found, "subtomo_disk_free_bytes") > 0
    assert total(found, "subtomo_tasks") == 0
    # Deleting the job takes back no count.
    service.client.delete(f"/jobs/{made}").raise_for_status()
    after = numbers(service)
    assert value(after, "subtomo_jobs", status="succeeded") == 0
    assert value(after, "subtomo_jobs_ended_total", status="succeeded") == 1
    assert value(after, "subtomo_task_seconds_count", kind="align") == 6


def test_two_servers_tell_the_same_of_what_they_share(service: Served, settings: Settings):
    with served(settings) as other:
        own = ("subtomo_http", "subtomo_server", "subtomo_worker_heartbeat", "subtomo_disk")

        def shared(server: Served) -> Numbers:
            found = numbers(server)
            return {k: v for k, v in found.items() if not k[0].startswith(own)}

        assert shared(service) == shared(other)
        assert value(shared(other), "subtomo_uploads_total", kind="dataset") == 4


def test_latency_is_counted_by_template_and_not_by_id(service: Served):
    for job in ("job_1", "job_2"):
        service.client.get(f"/jobs/{job}")
    service.client.get("/jobs/job_1", headers={"prefer": "wait=1"})
    service.client.get("/nowhere/at/all")
    name = "subtomo_http_request_seconds_count"
    wait_until(lambda: total(numbers(service), name, route="(nothing at this address)"), "counted")
    found = numbers(service)
    assert total(found, name, route="/api/v1/jobs/{job_id}", status="404") == 2
    assert not any("job_1" in str(labels) or "nowhere" in str(labels) for _, labels in found)
