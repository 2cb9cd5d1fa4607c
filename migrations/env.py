"""Alembic's entry: runs the migrations over the connection handed down, or over a URL.

From the command line: ``alembic -c migrations/alembic.ini -x url=sqlite:///x.db upgrade head``.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from subtomo_store.database.engine import create_database_engine
from subtomo_store.database.tables import Base, UtcTime


def spell(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write the plain type into a migration, so that it never depends on today's classes."""
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=spell,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_down = context.config.attributes.get("connection")
if handed_down is not None:
    run(handed_down)
else:
    with create_database_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as made:
        run(made)
