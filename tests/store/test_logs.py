"""Log lines: machines read JSON, people read text, nobody reads a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from subtomo_store import Settings
from subtomo_store.config.logs import configure, hide


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers, level = logging.root.handlers, logging.root.level
    levels = {name: logging.getLogger(name).level for name in ("celery", "alembic", "kombu")}
    yield
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


SECRETS = [
    "subtomo_Zm9vYmFyYmF6cXV4LWZvb2Jhcg",
    "correct-horse",
    "hunter2hunter2",
]


def everything_said() -> str:
    said = io.StringIO()
    configure(said)
    log = logging.getLogger("any.library")
    token, password, other = SECRETS
    log.warning("the token %s was refused", token)
    log.info("GET /login?token=%s&next=/", other)
    log.info("Authorization: Bearer %s", other)
    log.error("cannot connect to postgresql://subtomo:%s@db/subtomo", password)
    structlog.get_logger("subtomo").info(
        "made", token=other, password=password, headers={"cookie": other}
    )
    structlog.get_logger("subtomo").info("list", urls=[f"redis://:{password}@broker:6379/0"])
    try:
        raise ValueError(f"no access with {token}")
    except ValueError:
        log.exception("failed")
    return said.getvalue()


def test_no_secret_is_ever_written():
    said = everything_said()
    assert len(said.splitlines()) == 7
    for secret in SECRETS:
        assert secret not in said
    assert "postgresql://subtomo:***@db/subtomo" in said
    assert "redis://:***@broker:6379/0" in said


def test_each_line_is_one_object_also_with_a_traceback():
    lines = [json.loads(line) for line in everything_said().splitlines()]
    assert {"event", "level", "logger", "timestamp"} <= set(lines[0])
    assert "Traceback" in lines[-1]["exception"]


@pytest.mark.parametrize("plain", ["no token is needed", "http://host:8642/x", "tokens=3 rows"])
def test_what_is_no_secret_stays(plain: str):
    assert hide(plain) == plain


def test_what_is_bound_stands_in_lines_of_every_logger():
    said = io.StringIO()
    configure(said)
    with structlog.contextvars.bound_contextvars(job_id="job_1", task_id="task_2"):
        logging.getLogger("a").info("one")
        structlog.get_logger("b").info("two")
    logging.getLogger("a").info("three")
    one, two, three = (json.loads(line) for line in said.getvalue().splitlines())
    assert one["job_id"] == two["job_id"] == "job_1"
    assert "job_id" not in three


def test_text_is_for_people():
    said = io.StringIO()
    configure(said, "text")
    logging.getLogger("a").warning("the broker is away")
    (line,) = said.getvalue().splitlines()
    assert "the broker is away" in line
    assert not line.startswith("{")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "text"),
        ({"broker_url": "redis://x/0"}, "json"),
        ({"broker_url": "redis://x/0", "log_format": "text"}, "text"),
    ],
)
def test_a_facility_writes_json_and_a_laptop_text(given, expected):
    assert Settings(**given).resolved_log_format == expected
