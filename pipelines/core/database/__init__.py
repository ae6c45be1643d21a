"""The one database of an installation: costs, alerts, the ledger, API keys, routes and deployments.

SQLite in WEAVER_HOME by default, PostgreSQL where WEAVER_DATABASE_URL names one; the same tables in both.

tables       what is stored, as typed SQLAlchemy models
sessions     how it is read and written: one transaction per session, one writer at a time where it matters
schema       migrations (Alembic) are applied at first use; one that was killed is repeated
migrations   one file per change of the schema
"""

from pipelines.core.database.sessions import ChangePoll, connect_database, read_session, write_session

__all__ = ["ChangePoll", "connect_database", "read_session", "write_session"]
