"""Bringing the database to the newest schema with Alembic.

The scripts stand in ``subtomo_store/migrations`` of an installed wheel and in ``migrations``
at the top of a source tree. Their names begin with their revision, and revisions rise: most
starts of a process find the newest one in the database and do not load Alembic at all.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from subtomo_store.config.settings import Settings
from subtomo_store.errors import StoreError

ADVISORY_LOCK = 0x5B70_3010


def script_folder() -> Path:
    """Folder of the migration scripts: the wheel's, or the source tree's."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "migrations", package.parents[1] / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise StoreError("the database migrations are not installed: reinstall subtomo")


def upgrade(engine: Engine, settings: Settings) -> None:
    """Upgrade to the newest schema, one process at a time; nothing is done where it stands."""
    if present_revision(engine) == newest_revision():
        return
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(script_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _alone(engine, settings) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest_revision() -> str:
    """Revision to which `upgrade` leads."""
    scripts = (script_folder() / "versions").glob("[0-9]*.py")
    return max(path.name.partition("_")[0] for path in scripts)


def present_revision(engine: Engine) -> str | None:
    """Revision at which a database stands; None where nothing has been made."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _alone(engine: Engine, settings: Settings) -> Iterator[Connection]:
    if engine.dialect.name == "sqlite":
        writer = engine.execution_options(subtomo_writes=True)
        with _locked_file(settings.data.expanduser() / "migrate.lock"), writer.begin() as writing:
            yield writing
        return
    with engine.connect() as guard:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        try:
            with engine.begin() as writing:
                yield writing
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
