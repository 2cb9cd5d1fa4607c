"""Health tells the truth, and tells it soon, whatever is gone or hangs."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import anyio
import httpx
import psutil

from subtomo_server.jobs.vocabulary import algorithms
from subtomo_server.ops.health_probe import Probe
from subtomo_store import Settings
from support.services import (
    Postgres,
    RedisServer,
    fresh_database,
    own_postgres,
    redis_server,
    wait_until,
)
from support.serving import Served, served


def test_a_question_which_hangs_is_asked_once_and_answered_for_all():
    release, asked = threading.Event(), []

    def ask() -> str:
        asked.append(1)
        release.wait(10)
        return "at last"

    question = Probe(ask)

    async def several() -> list[str]:
        answers: list[str] = []

        async def one() -> None:
            answers.append(await question.answer(0.1, "silence"))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
        return answers

    assert anyio.run(several) == ["silence"] * 5
    assert len(asked) == 1
    release.set()
    assert anyio.run(question.answer, 5.0, "silence") == "at last"


def test_a_question_which_fails_has_no_answer():
    def ask() -> str:
        raise OSError

    assert anyio.run(Probe(ask).answer, 1.0, "none") == "none"


@contextmanager
def standing_still(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def asked(service: Served, path: str) -> httpx.Response:
    with service.stranger as stranger:
        return stranger.get(path)


def soon(service: Served, path: str, seconds: float) -> httpx.Response:
    """An answer which comes in time; of a busy machine, the quickest of several."""
    with service.stranger as stranger:
        for _ in range(5):
            began = time.monotonic()
            answer = stranger.get(path)
            if time.monotonic() - began < seconds:
                return answer
    raise AssertionError(f"no answer of {path} came within {seconds:g} s")


def test_a_database_that_hangs_is_told_within_two_seconds(redis: RedisServer, tmp_path):
    with own_postgres() as postgres, fresh_database(postgres.url) as url:
        settings = Settings(data=tmp_path, database_url=url, broker_url=redis.url)
        with served(settings) as service:
            _stands_still(service, postgres)


def _stands_still(service: Served, postgres: Postgres) -> None:
    with ThreadPoolExecutor(60) as pool:
        assert asked(service, "/api/v1/health/ready").json()["checks"]["database"]["ok"]
        with standing_still(postgres.processes):
            # More requests than the server has threads: all of them wait for the database.
            stuck = [pool.submit(service.client.get, "/jobs") for _ in range(60)]
            time.sleep(0.3)
            for _ in range(2):
                answer = soon(service, "/api/v1/health/ready", 2.0)
                assert answer.status_code == 503
                checks = answer.json()["checks"]
                assert not checks["database"]["ok"]
                assert "no answer within" in checks["database"]["detail"]
                assert checks["broker"]["ok"]
            assert soon(service, "/api/v1/health/live", 1.0).status_code == 200
        assert {future.result(60).status_code for future in stuck} <= {200, 503}
        wait_until(
            lambda: asked(service, "/api/v1/health/ready").json()["checks"]["database"]["ok"],
            "the database is back",
        )


def test_a_broker_that_is_gone_or_hangs_is_told(tmp_path):
    with redis_server() as own, served(Settings(data=tmp_path, broker_url=own.url)) as service:

        def broker() -> bool:
            answer = soon(service, "/api/v1/health/ready", 2.0)
            assert answer.status_code == 503
            return bool(answer.json()["checks"]["broker"]["ok"])

        assert broker()
        assert own.process is not None
        with standing_still([psutil.Process(own.process.pid)]):
            assert not broker()
        wait_until(broker, "the broker is back")
        own.stop()
        assert not broker()


def test_service_info_tells_what_there_is(service: Served):
    with service.stranger as stranger:
        info = stranger.get("/api/v1/service-info").json()
    assert info["algorithms"] == list(algorithms())
    assert info["limits"]["upload_bytes"] == service.store.settings.max_upload_bytes
    assert info["storage"]["total_bytes"] >= info["storage"]["free_bytes"] > 0
    assert info["queues"]
    assert info["version"]
