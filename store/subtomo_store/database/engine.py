"""Opening the database: engine, transactions and migration.

SQLite runs in WAL mode, so that readers never wait for the one writer, and a writing
transaction takes its lock at its beginning (``BEGIN IMMEDIATE``): a transaction that reads
first and writes later cannot be refused in its middle.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from subtomo_core.errors import InputError, Problem
from subtomo_store.config.settings import Settings
from subtomo_store.database import tallies
from subtomo_store.database.migration import upgrade
from subtomo_store.errors import StorageError, UnavailableError
from subtomo_store.files.data_folder import Files

BUSY_SECONDS = 30.0
UNFIT = "a number is too large to be stored, or a text holds the character NUL"
POSTGRESQL_DISK_FULL = "53100"
# Connections are made when they are needed, and those above the first ten are given back.
POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 22, "pool_timeout": 10.0}
# A database whose machine is gone is noticed within half a minute, not after hours.
PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True)
class Store:
    """Where everything is kept. Made once at start-up by `open_store` and handed down."""

    settings: Settings
    engine: Engine
    reading: sessionmaker[Session]
    writing: sessionmaker[Session]
    files: Files

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction that may write: commits at the end, rolls back on an error.

        Raises
        ------
        InputError
            If the database cannot hold a value that came from outside.
        StorageError
            If the disk below the database is full.
        UnavailableError
            If the database does not answer.
        """
        with _told_in_words(), self.writing.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One transaction that only reads; never waits for a writer.

        Raises
        ------
        InputError
            If the database cannot know a value that came from outside.
        UnavailableError
            If the database does not answer.
        """
        with _told_in_words(), self.reading() as session:
            yield session

    def migrate(self) -> None:
        """Bring the database to the newest schema; safe when several processes start at once."""
        upgrade(self.engine, self.settings)

    def ping(self) -> None:
        """Ask the database for an answer; raises when it gives none."""
        with self.engine.connect() as connection:
            connection.execute(select(1))

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def open_store(settings: Settings) -> Store:
    """Open the database and the data folder that ``settings`` name; creates the folder."""
    settings.data.expanduser().mkdir(parents=True, exist_ok=True)
    engine = create_database_engine(settings.resolved_database_url)
    writing = sessionmaker(engine.execution_options(subtomo_writes=True))
    tallies.write_before_commit(writing)
    return Store(
        settings=settings,
        engine=engine,
        reading=sessionmaker(engine),
        writing=writing,
        files=Files(settings.data.expanduser()),
    )


def create_database_engine(url: str) -> Engine:
    """Make an engine for an SQLite or PostgreSQL URL (``postgresql://`` means psycopg 3)."""
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, connect_args=PATIENCE, **POOL)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS}, **POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def _told_in_words() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise InputError(Problem(UNFIT)) from error
    except OverflowError as error:
        if "SQLite" not in str(error):
            raise
        raise InputError(Problem(UNFIT)) from error
    except (DBAPIError, PoolTimeoutError) as error:
        if isinstance(error, OperationalError) and _disk_full(error):
            raise StorageError(
                "the database could not be written: the disk is full: free some space and try again"
            ) from error
        if _away(error):
            raise UnavailableError(
                "the database does not answer at the moment: try again in a few seconds"
            ) from error
        raise


def _away(error: DBAPIError | PoolTimeoutError) -> bool:
    """Whether a database is gone, restarting or overburdened, and the statement was sound."""
    return isinstance(error, OperationalError | PoolTimeoutError) or error.connection_invalidated


def _disk_full(error: OperationalError) -> bool:
    sqlite = getattr(error.orig, "sqlite_errorcode", None)
    postgresql = getattr(error.orig, "sqlstate", None)
    return sqlite == sqlite3.SQLITE_FULL or postgresql == POSTGRESQL_DISK_FULL


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("subtomo_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def now(session: Session) -> datetime:
    """Give the database's time: the one clock that all workers of a facility share."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    clock = func.clock_timestamp(type_=DateTime(timezone=True))
    return session.execute(select(clock)).scalar_one().astimezone(UTC)
