"""Whatever is sent to a documented address, the server does not break."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from subtomo_server.app import create_app
from subtomo_server.auth.accounts import issue_token
from subtomo_store import Settings
from support.services import RedisServer, fresh_database
from support.serving import Served, served, small_spec

EXAMPLES = int(os.environ.get("SUBTOMO_TEST_EXAMPLES", "8"))
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
PATIENT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES < 50,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer("application/x-mrc")
def as_bytes(_context: Any, value: Any) -> dict[str, Any]:
    """Maps are sent as whatever bytes come to mind."""
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


@schemathesis.serializer("application/offset+octet-stream")
def as_part(_context: Any, value: Any) -> dict[str, Any]:
    """The same for parts of uploads."""
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


@cache
def operations() -> dict[str, Any]:
    """Every documented operation by its name."""
    document = create_app(Settings(broker_url="memory://")).openapi()
    schema = schemathesis.openapi.from_dict(document)
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.label: operation for operation in found}


def cases() -> list[Any]:
    """Each operation with what it documents, and with what it does not where it takes anything."""
    return [
        pytest.param(label, mode, id=f"{label} {mode.name.lower()}")
        for label, operation in operations().items()
        for mode in MODES
        if mode is GenerationMode.POSITIVE or operation.body or list(operation.iter_parameters())
    ]


@pytest.fixture(scope="module")
def service(
    postgres_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server on PostgreSQL, which takes fewer texts and numbers than SQLite."""
    data = tmp_path_factory.mktemp("data")
    with (
        fresh_database(postgres_url) as url,
        served(Settings(data=data, database_url=url, broker_url=redis.url)) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def known(service: Served, dataset: str) -> dict[str, str]:
    """Path parameters which lead somewhere."""
    job = service.client.post("/jobs", json=small_spec(dataset)).json()["id"]
    service.client.post(f"/jobs/{job}/cancel").raise_for_status()  # so that its events end
    issue_token(service.store, "somebody", label="test")
    return {"dataset_id": dataset, "job_id": job, "user": "somebody"}


@pytest.fixture(scope="module")
def root(service: Served) -> str:
    """An administrator's token."""
    return issue_token(service.store, "root", label="test", role="admin")


@pytest.mark.parametrize(("label", "mode"), cases())
def test_no_server_error(
    service: Served, known: dict[str, str], root: str, label: str, mode: GenerationMode
):
    @PATIENT
    @given(case=operations()[label].as_strategy(generation_mode=mode))
    def probe(case: Any) -> None:
        for name in known.keys() & (case.path_parameters or {}):
            if case.method == "GET" or name == "user":
                case.path_parameters[name] = known[name]
        headers = {"authorization": f"Bearer {root if '/users' in label else service.token}"}
        answer = case.call(base_url=service.url, headers=headers, timeout=20)
        # 503 is what /health/ready documents: this server has no worker.
        if not (answer.status_code == 503 and "/health/ready" in label):
            case.validate_response(answer, checks=[not_a_server_error])

    probe()
