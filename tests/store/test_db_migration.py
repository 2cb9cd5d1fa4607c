"""The migrations lead from nothing to exactly what the code expects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.schema import DropTable

from subtomo_store import Settings, open_store
from subtomo_store.database import migration
from subtomo_store.database.migration import newest_revision, present_revision, script_folder
from subtomo_store.database.tables import Base
from subtomo_store.datasets import datasets
from subtomo_store.errors import UnavailableError
from subtomo_store.people.access import authenticate, digest
from support.records import opened
from support.services import ROOT, environment, fresh_database


def test_autogenerate_finds_no_difference(tmp_path, database_url):
    with opened(tmp_path, database_url) as store, store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(tmp_path, database_url):
    with opened(tmp_path, database_url) as store:
        store.migrate()
        assert set(inspect(store.engine).get_table_names()) == {
            *Base.metadata.tables,
            "alembic_version",
        }


def test_processes_may_migrate_at_once(tmp_path, database_url):
    program = "from subtomo_store import Settings, open_store; open_store(Settings()).migrate()"
    variables = environment(SUBTOMO_DATA=str(tmp_path), SUBTOMO_DATABASE_URL=database_url)
    command = [sys.executable, "-c", program]
    processes = [subprocess.Popen(command, env=variables) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]


def test_the_newest_revision_is_known_without_alembic(tmp_path, database_url):
    config = Config()
    config.set_main_option("script_location", str(script_folder()))
    config.set_main_option("path_separator", "os")
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head()
    with opened(tmp_path, database_url) as store:
        assert present_revision(store.engine) == newest_revision()


def test_an_older_database_is_brought_up_to_date(tmp_path, database_url):
    with opened(tmp_path, database_url) as store:
        with store.begin() as session:
            session.execute(text("DELETE FROM alembic_version"))
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(DropTable(table))
        store.migrate()
        store.migrate()
        assert set(inspect(store.engine).get_table_names()) >= set(Base.metadata.tables)


def test_people_and_groups_come_to_what_was_there_before(tmp_path, database_url):
    config = Config()
    config.set_main_option("script_location", str(script_folder()))
    config.set_main_option("path_separator", "os")
    moment = "'2026-01-01 00:00:00'"
    with closing(open_store(Settings(data=tmp_path, database_url=database_url))) as store:
        with store.engine.execution_options(subtomo_writes=True).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            for statement in (
                f"INSERT INTO users VALUES ('user_1', 'ada', {moment})",
                f"INSERT INTO tokens VALUES ('t', 'user_1', '{digest('key')}', 'x', {moment},"
                " NULL, NULL)",
                "INSERT INTO datasets (id, user_id, name, status, problems, missing, created,"
                f" dark_particles) VALUES ('ds_1', 'user_1', 'x', 'open', '[]', '{{}}', {moment},"
                " false)",
                "INSERT INTO dataset_files VALUES ('ds_1', 'a.mrc', 1, 'x')",
            ):
                connection.execute(text(statement))
        store.migrate()
        with store.read() as session:
            assert [file.name for file in datasets.files(session, "ds_1")] == ["a.mrc"]
            found = authenticate(session, "key")
            assert found is not None
            assert (found.user.role, found.token.scope) == ("user", "admin")
            assert datasets.get(session, "ds_1", "user_1").group is None


def test_a_locked_table_ends_a_migration_soon_and_in_words(tmp_path, postgres_url, monkeypatch):
    monkeypatch.setattr(migration, "LOCK_SECONDS", 0.3)
    with fresh_database(postgres_url) as url:
        config = Config()
        config.set_main_option("script_location", str(script_folder()))
        config.set_main_option("path_separator", "os")
        with closing(open_store(Settings(data=tmp_path, database_url=url))) as store:
            with store.engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "0005")
            with store.engine.begin() as other:
                pid = other.execute(text("SELECT pg_backend_pid()")).scalar_one()
                other.execute(text("SELECT count(*) FROM datasets"))  # a reader is enough
                with pytest.raises(UnavailableError, match=rf"process {pid}\).*0\.3 seconds"):
                    store.migrate()
                with store.read() as session:  # nobody waits behind the migration any more
                    assert session.execute(text("SELECT count(*) FROM datasets")).scalar() == 0
                assert present_revision(store.engine) == "0005"
            store.migrate()
            assert present_revision(store.engine) == newest_revision()


def test_source_tree_has_its_scripts_at_the_top():
    code = "from subtomo_store.database.migration import script_folder; print(script_folder())"
    rooms = os.pathsep.join(str(ROOT / room) for room in ("core", "store"))
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": rooms},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(answer.stdout.strip()) == ROOT / "migrations"


def test_installed_layout_migrates_itself(tmp_path):
    site = tmp_path / "site"
    shutil.copytree(ROOT / "store" / "subtomo_store", site / "subtomo_store")
    shutil.copytree(ROOT / "core" / "subtomo_core", site / "subtomo_core")
    shutil.copytree(ROOT / "migrations", site / "subtomo_store" / "migrations")
    program = (
        "from pathlib import Path\n"
        "from subtomo_store import Settings, open_store\n"
        "from subtomo_store.database.migration import script_folder\n"
        f"assert script_folder() == Path({str(site)!r}) / 'subtomo_store' / 'migrations'\n"
        f"open_store(Settings(data={str(tmp_path / 'data')!r})).migrate()\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        env={**environment(), "PYTHONPATH": str(site), "HOME": os.environ.get("HOME", "/")},
        check=True,
        cwd=tmp_path,
    )
    assert (tmp_path / "data" / "subtomo.db").stat().st_size > 0
