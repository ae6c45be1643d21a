"""What Alembic runs for each of its commands; a developer's own:

python -m alembic -c pipelines/core/database/alembic.ini revision --autogenerate -m "add a column"
"""

import logging
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from pipelines.core.database.tables import Base, UtcDateTime

logging.getLogger("alembic").setLevel(logging.WARNING)


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """A migration names no type of the code: the code changes, and the migration may not."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run_migrations(connection: Connection) -> None:
    """Bring the schema behind this connection to the revision that Alembic was told."""
    # SQLite's changes of a schema are transactional where the transaction is begun by hand, as ours is. It cannot
    # alter most of a table in place: Alembic's batch mode copies the table.
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if (open_connection := context.config.attributes.get("connection")) is not None:
    run_migrations(open_connection)
else:
    from pipelines.core.database.sessions import create_database_engine, database_url

    with create_database_engine(database_url()).execution_options(write=True).begin() as new_connection:
        run_migrations(new_connection)
