"""Settings of a service: from the environment (``SUBTOMO_...``) or given by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def available_cores() -> int:
    """Cores this process may use: its affinity where the system knows one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _default_data() -> Path:
    return Path.home() / "subtomo-data"


class Settings(BaseSettings):
    """Everything that differs between a laptop and a facility.

    Attributes
    ----------
    data : Path
        Folder of datasets, jobs and, in the embedded form, of the database and broker.
    database_url : str or None
        SQLAlchemy URL; SQLite within ``data`` when absent.
    broker_url : str or None
        Celery broker; absent means the embedded form, where ``serve`` starts one.
    lease_seconds : float
        How long a silent worker keeps a task.
    report_seconds : float
        How often a worker says how far it is, and asks whether to stop.
    sweep_seconds : float
        How often a worker looks for tasks nobody works on.
    resend_seconds : float
        Age at which an unanswered message is sent again; doubles each time.
    max_attempts : int
        Attempts at a task before it fails, and its job with it.
    window : int
        Batches of one job out at a time.
    threads : int
        Threads of one worker.
    max_upload_bytes : int
        Largest file that may be uploaded.
    source_roots : tuple of Path
        Folders from which datasets may be registered without copying.
    host, port : str, int
        Address the server binds to.
    public_url : str or None
        Address users see, when a proxy stands before the server.
    metrics_token : str or None
        What Prometheus shows to read ``/metrics``; without one that address does not exist.
    log_format : str or None
        ``json`` or ``text``; by default JSON where a broker is named, text on a laptop.
    log_level : str
        ``debug``, ``info``, ``warning`` or ``error``.
    """

    model_config = SettingsConfigDict(env_prefix="SUBTOMO_", frozen=True, extra="forbid")

    data: Path = Field(default_factory=_default_data)
    database_url: str | None = None
    broker_url: str | None = None
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    report_seconds: Annotated[float, Field(gt=0)] = 1.0
    sweep_seconds: Annotated[float, Field(gt=0)] = 5.0
    resend_seconds: Annotated[float, Field(gt=0)] = 30.0
    max_attempts: Annotated[int, Field(ge=1)] = 3
    window: Annotated[int, Field(ge=1)] = 8
    threads: Annotated[int, Field(ge=1)] = Field(default_factory=available_cores)
    max_upload_bytes: Annotated[int, Field(ge=1)] = 200 * 2**30
    source_roots: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8642
    public_url: str | None = None
    metrics_token: Annotated[SecretStr | None, Field(min_length=16)] = None
    log_format: Literal["json", "text"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def resolved_database_url(self) -> str:
        """``database_url``, or the SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{self.data.expanduser().absolute()}/subtomo.db"

    @property
    def resolved_log_format(self) -> Literal["json", "text"]:
        """``log_format``, or what suits the form of the service."""
        return self.log_format or ("json" if self.broker_url else "text")
