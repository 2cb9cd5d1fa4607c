"""Settings of a service: from the environment (``SUBTOMO_...``) or given by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from subtomo_core.errors import InputError, Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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
    folder_access : str
        Who may read the data folder besides its owner: nobody (``private``), or its ``group``.
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
    retry_seconds : float
        Pause before a task that failed is tried again.
    priority_point_seconds : float
        Wait which is worth one point of priority.
    preview_jobs : int
        Jobs of one user which run at a time in the queue ``preview``.
    preview_seconds : float
        Longest job which the queue ``preview`` takes, by its estimate.
    webhook_hosts : tuple of str
        Hosts (``name`` or ``name:port``) which webhooks may reach by plain HTTP, or at a
        private address; every public host may be reached by HTTPS.
    webhook_attempts : int
        Attempts at a webhook before it is given up.
    webhook_pause_seconds : float
        Pause after the first of them; each further one is three times as long.
    max_attempts : int
        Attempts at a task before it fails, and its job with it.
    window : int
        Batches of one job out at a time.
    threads : int
        Threads of one worker.
    max_upload_bytes : int
        Largest file that may be uploaded.
    upload_days : float
        Days after which a resumable upload that nobody goes on with is forgotten.
    keep_iterations_days : float or None
        Days after a job's end for which all its iterations are kept; then only the last and the
        best of each class. For ever when absent.
    keep_open_days : float or None
        Days for which a dataset that was never sealed is kept after its last file came. For
        ever when absent.
    disk_quota_bytes : int or None
        Disk which a user's datasets and jobs may fill; as much as there is when absent.
    running_jobs : int
        Jobs of one user which run at a time; others wait. The embedded form has no limit.
    highest_priority : int
        Highest priority (0 to 100) which a user may give a job; administrators may give 100.
    source_roots : tuple of Path
        Folders from which datasets may be registered without copying.
    oidc_issuer : str or None
        Address of an OpenID Connect provider by which people sign in; none when absent.
    oidc_client_id, oidc_client_secret : str or None
        What the provider knows this service by.
    oidc_new_users : bool
        Whether somebody whom the provider knows, and the service does not yet, becomes a user.
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
    folder_access: Literal["private", "group"] = "private"
    database_url: str | None = None
    broker_url: str | None = None
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    report_seconds: Annotated[float, Field(gt=0)] = 1.0
    sweep_seconds: Annotated[float, Field(gt=0)] = 5.0
    retry_seconds: Annotated[float, Field(gt=0)] = 2.0
    priority_point_seconds: Annotated[float, Field(gt=0)] = 60.0
    preview_jobs: Annotated[int, Field(ge=1)] = 1
    preview_seconds: Annotated[float, Field(gt=0)] = 600.0
    webhook_hosts: tuple[str, ...] = ()
    webhook_attempts: Annotated[int, Field(ge=1)] = 8
    webhook_pause_seconds: Annotated[float, Field(gt=0)] = 10.0
    max_attempts: Annotated[int, Field(ge=1)] = 3
    window: Annotated[int, Field(ge=1)] = 8
    threads: Annotated[int, Field(ge=1)] = Field(default_factory=available_cores)
    max_upload_bytes: Annotated[int, Field(ge=1)] = 200 * 2**30
    upload_days: Annotated[float, Field(gt=0)] = 7.0
    keep_iterations_days: Annotated[float, Field(ge=0)] | None = None
    keep_open_days: Annotated[float, Field(gt=0)] | None = None
    disk_quota_bytes: Annotated[int, Field(ge=0)] | None = None
    running_jobs: Annotated[int, Field(ge=1)] = 4
    highest_priority: Annotated[int, Field(ge=0, le=100)] = 50
    source_roots: tuple[Path, ...] = ()
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_new_users: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8642
    public_url: str | None = None
    metrics_token: Annotated[SecretStr | None, Field(min_length=16)] = None
    log_format: Literal["json", "text"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _oidc_is_complete(self) -> Self:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError(
                "SUBTOMO_OIDC_ISSUER needs SUBTOMO_OIDC_CLIENT_ID beside it: set it to the client "
                "id which the provider gave"
            )
        return self

    @property
    def resolved_database_url(self) -> str:
        """``database_url``, or the SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{self.data.expanduser().absolute()}/subtomo.db"

    @property
    def resolved_log_format(self) -> Literal["json", "text"]:
        """``log_format``, or what suits the form of the service."""
        return self.log_format or ("json" if self.broker_url else "text")


def read_settings(**given: object) -> Settings:
    """Read the environment; what is ``given`` and not None goes before it.

    Raises
    ------
    InputError
        Naming each variable which cannot be used, but never a secret's value.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputError(*map(_problem, error.errors())) from None
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0]
        told = f'SUBTOMO_{field.upper()} is a list: write it as JSON, such as ["one", "two"]'
        raise InputError(Problem(told)) from None


def _problem(found: ErrorDetails) -> Problem:
    words = str(found["msg"]).removeprefix("Value error, ")
    if not found["loc"]:
        return Problem(words)
    if found["type"] == "too_short":
        words = f"it needs {found['ctx']['min_length']} characters or more"
    return Problem(f"SUBTOMO_{str(found['loc'][0]).upper()}: {words[0].lower()}{words[1:]}")
