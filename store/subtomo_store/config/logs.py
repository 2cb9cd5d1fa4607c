"""Logging of server and worker: one line for each thing that happened, never with a secret.

Every line goes through here, of the standard library's loggers and of structlog alike. What
was bound (`structlog.contextvars.bound_contextvars`) stands in each line: the request's id in
the server, job, task and worker in the worker.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "***"
CHATTY = ("celery", "alembic", "kombu", "amqp", "httpx", "multipart")
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:token|password|passwd|secret|authorization|cookie|api_key)$", re.IGNORECASE
)
_SECRETS = (
    (re.compile(r"subtomo_[A-Za-z0-9_-]{20,}"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^\s:/@]*):[^\s@]*@(?=[^\s@]*)"), rf"\1:{HIDDEN}@"),
    (
        re.compile(r"(?i)\b([a-z_]*(?:token|password|secret|code))=(?!\*)[^\s&'\",;]+"),
        rf"\1={HIDDEN}",
    ),
)


def configure(stream: TextIO, kind: Literal["json", "text"] = "json", level: str = "info") -> None:
    """Write everything that is logged to ``stream``; called by a process's start only.

    Parameters
    ----------
    stream : text file
    kind : str
        ``json`` for machines, ``text`` for a person.
    level : str
        ``debug``, ``info``, ``warning`` or ``error``.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
        if kind == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_secrets,
                renderer,
            ],
        )
    )
    logging.root.handlers = [handler]
    logging.root.setLevel(level.upper())
    if level != "debug":
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def without_secrets(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Hide tokens, passwords and credentials wherever they stand in a line."""
    return {name: _hidden(name, value) for name, value in line.items()}


def hide(text: str) -> str:
    """Hide what looks like a secret in a text."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _hidden(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", item) for item in value]
    return hide(value if isinstance(value, str) else str(value))
