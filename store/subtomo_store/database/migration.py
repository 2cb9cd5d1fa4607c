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
from sqlalchemy.exc import OperationalError

from subtomo_store.config.settings import Settings
from subtomo_store.errors import StoreError, UnavailableError

ADVISORY_LOCK = 0x5B70_3010
# A statement that waits for a table makes all later ones wait behind it: better to give up soon.
LOCK_SECONDS = 10.0
_LOCK_NOT_AVAILABLE = "55P03"
_HOLDERS = text(
    "SELECT DISTINCT held.pid FROM pg_locks held JOIN pg_class c ON c.oid = held.relation"
    " JOIN pg_stat_activity a ON a.pid = held.pid"
    " WHERE held.granted AND a.datname = current_database()"
    " AND c.relnamespace = current_schema()::regnamespace"
    " AND held.pid <> pg_backend_pid() ORDER BY held.pid"
)


def script_folder() -> Path:
    """Folder of the migration scripts: the wheel's, or the source tree's."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "migrations", package.parents[1] / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise StoreError("the database migrations are not installed: reinstall subtomo")


def upgrade(engine: Engine, settings: Settings) -> None:
    """Upgrade to the newest schema, one process at a time; nothing is done where it stands.

    Raises
    ------
    UnavailableError
        If another connection to PostgreSQL keeps a table locked for `LOCK_SECONDS`. Nothing was
        changed then.
    """
    if present_revision(engine) == newest_revision():
        return
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(script_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _alone(engine, settings) as connection:
        config.attributes["connection"] = connection
        with _told_who_locks(engine, connection):
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
                limit = f"{LOCK_SECONDS * 1000:.0f}ms"
                writing.execute(text("SELECT set_config('lock_timeout', :x, true)"), {"x": limit})
                yield writing
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})


@contextmanager
def _told_who_locks(engine: Engine, writing: Connection) -> Iterator[None]:
    """Tell in a sentence that a table stayed locked, and by which processes of the database."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        writing.rollback()
        with engine.connect() as connection:
            pids = connection.execute(_HOLDERS).scalars().all()
        holders = f" (PostgreSQL process {', '.join(map(str, pids))})" if pids else ""
        raise UnavailableError(
            f"the database was not brought up to date: another connection{holders} kept a table "
            f"locked for {LOCK_SECONDS:g} seconds. Nothing was changed: end all servers and "
            "workers of the older version, close other connections, and start again"
        ) from error


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
