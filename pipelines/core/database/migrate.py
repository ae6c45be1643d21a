"""The schema of the database: brought up to date at first use, once per process, by one process at a time."""

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from pipelines.core.errors import WeaverError
from pipelines.core.files import file_lock

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")
HEAD = "0001"  # the newest file in migrations/versions; a test compares them

log = logging.getLogger(__name__)
ready: set[str] = set()  # addresses whose schema this process has seen to be up to date


def ensure_schema(engine: Engine) -> None:
    """Apply the migrations that the database lacks; costs nothing after the first call of a process.

    Raises:
        WeaverError: the database was made by a newer version of NeuroWeaver.
    """
    address = engine.url.render_as_string(hide_password=False)
    if address in ready:
        return
    if read_revision(engine) != HEAD:
        migrate(engine)
    ready.add(address)


def read_revision(engine: Engine) -> str:
    """The migration that was applied last; empty for a new database."""
    with engine.connect() as connection:
        return current_revision(connection)


def current_revision(connection: Connection) -> str:
    """Return the revision of a database's schema; empty where there is none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def migrate(engine: Engine, to: str = "head") -> None:
    """Apply migrations in one transaction: killed on its way, the database is as it was before.

    Raises:
        WeaverError: the database was made by a newer version of NeuroWeaver.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    sqlite = engine.dialect.name == "sqlite"
    lock = file_lock(Path(f"{engine.url.database}.lock"), "migrating the database") if sqlite else nullcontext()
    with lock:
        if sqlite:
            with engine.connect().execution_options(no_transaction=True) as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # remembered by the file
        with engine.execution_options(write=True).begin() as connection:
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('weaver migrations'))"))
            before, config = current_revision(connection), alembic_config(connection)
            revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
            if before and before not in revisions:
                raise WeaverError(
                    f"the database {engine.url.render_as_string()} has schema {before}, and this version of "
                    f"NeuroWeaver knows only up to {HEAD}",
                    "Install the version of NeuroWeaver that wrote it, or a newer one.",
                )
            command.upgrade(config, to)
    log.debug("database schema %s → %s", before or "none", to)


def alembic_config(connection: Connection | None = None) -> "Config":
    """Alembic's configuration, for a connection that is open already."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
