"""Reading the request log: Parquet files and the write-ahead log as one table; also while the gateway writes."""

import json
from math import inf, nextafter
from pathlib import Path
from typing import Any

import pyarrow as pa
import stamina
from pyarrow import compute

from pipelines.core.errors import WeaverError
from pipelines.request_log import parquet_store
from pipelines.request_log.schema import JUDGE, arrow_schema, hash_user, log_folder
from pipelines.request_log.write_ahead_log import find_pending, read_pending

WAL_NAME = "write_ahead_log.sqlite"  # in the log's folder


def read_exchanges(since: float = 0, until: float = inf, template: str = "") -> pa.Table:
    """The requests from `since` until before `until` (epoch seconds), oldest first; the columns are Exchange's.

    Raises:
        WeaverError: the log is damaged.
    """
    return read_rows("exchanges", since, until, template)


def select_user_requests(exchanges: pa.Table) -> pa.Table:
    """The requests of users: without the copies for shadow versions, and without the judge's own requests."""
    is_shadow = compute.coalesce(compute.field("shadow_of"), pa.scalar("")) != ""
    return exchanges.filter(~is_shadow & (compute.field("user") != hash_user(JUDGE)))


def read_feedback(since: float = 0, until: float = inf, template: str = "") -> pa.Table:
    """The newest feedback of each user of a key on each answer, oldest first.

    Columns: those of StoredFeedback, and version, backend, messages and answer of the exchange; null where that is no
    longer in the log.
    """
    feedback = read_rows("feedbacks", since, until, template)
    newest = {(row["id"], row["key"], row["user"] or ""): row for row in feedback.to_pylist()}
    feedback = pa.Table.from_pylist(list(newest.values()), feedback.schema)
    times = feedback["exchange_at"].to_pylist() or [0]
    requests = read_rows("exchanges", min(times), nextafter(max(times), inf), template, feedback["id"].to_pylist())
    requests = requests.select(["id", "version", "backend", "messages", "answer"])
    return feedback.join(requests, keys="id", join_type="left outer").sort_by("at")


@stamina.retry(on=FileNotFoundError, attempts=5)  # a file was merged with others after it was listed
def read_rows(kind: str, since: float, until: float, template: str, ids: list[str] | None = None) -> pa.Table:
    """The rows of a kind, by time.

    The write-ahead log is read first: a row that is flushed meanwhile is then seen twice rather than missed, and
    dropped by its number.
    """
    from pyarrow import dataset

    home, columns = log_folder(), arrow_schema(kind)
    pending = read_pending(home / WAL_NAME, kind)
    files: list[str] = []
    flushed = {}
    for day in parquet_store.list_days(home / kind, since, until):
        day_files = parquet_store.list_files(day)
        files += [str(file.path) for file in day_files]
        flushed[day.name] = day_files[-1].last if day_files else 0
    rows = [(number, json.loads(row)) for number, _, row in pending]
    rows = [row for number, row in rows if number > flushed.get(parquet_store.day_name(row["at"]), 0)]
    condition = (compute.field("at") >= since) & (compute.field("at") < until)
    if template:
        condition &= compute.field("template") == template
    if ids is not None:
        condition &= compute.field("id").isin(pa.array(ids, pa.string()))
    try:
        stored = dataset.dataset(files, columns, format="parquet").to_table(filter=condition)
    except pa.ArrowInvalid as error:
        raise WeaverError(
            f"the request log in {home / kind} is damaged: {error}",
            "Restore the file from a backup, or move it away: its requests are then missing.",
        ) from error
    return pa.concat_tables([stored, pa.Table.from_pylist(rows, columns).filter(condition)]).sort_by("at")


@stamina.retry(on=FileNotFoundError, attempts=5)
def find_exchange(home: Path, id: str) -> dict[str, Any] | None:
    """The time, template, key and user of an exchange; None if the log does not have it."""
    from pyarrow import dataset

    exchange: dict[str, Any]
    if row := find_pending(home / WAL_NAME, "exchanges", id):
        exchange = json.loads(row)
        return exchange
    for day in reversed(parquet_store.list_days(home / "exchanges")):
        files = [str(file.path) for file in parquet_store.list_files(day)]
        table = dataset.dataset(files, arrow_schema("exchanges"), format="parquet")
        for exchange in table.to_table(["at", "template", "key", "user"], filter=compute.field("id") == id).to_pylist():
            return exchange
    return None
