"""Reading the request log: what is settled and what has landed, as one table; also while the gateway writes."""

import json
from math import inf, nextafter
from pathlib import Path
from typing import Any

import pyarrow as pa
import stamina
from pyarrow import compute

from pipelines.request_log import parquet_store
from pipelines.request_log.schema import JUDGE, folder, hashed, schema
from pipelines.request_log.write_ahead_log import landed, landed_row

LANDING = "landing.sqlite"


def exchanges(since: float = 0, until: float = inf, template: str = "") -> pa.Table:
    """The requests from `since` until before `until` (epoch seconds), oldest first; the columns are Exchange's.

    Raises:
        WeaverError: the log is damaged.
    """
    return read("exchanges", since, until, template)


def of_people(exchanges: pa.Table) -> pa.Table:
    """Those that somebody asked and got: no repetitions for a version in shadow, and none of the judge's own."""
    ours = compute.coalesce(compute.field("shadow_of"), pa.scalar("")) != ""
    return exchanges.filter(~ours & (compute.field("user") != hashed(JUDGE)))


def feedbacks(since: float = 0, until: float = inf, template: str = "") -> pa.Table:
    """What people thought, the newest of each user of a key on each answer, oldest first: the columns of Feedback,
    `template`, `asked` (when), and version, backend, messages and answer of the exchange, null where that is too old.
    """
    said = read("feedbacks", since, until, template)
    newest = {(row["id"], row["key"], row["user"] or ""): row for row in said.to_pylist()}
    said = pa.Table.from_pylist(list(newest.values()), said.schema)
    times = said["asked"].to_pylist() or [0]
    about = read("exchanges", min(times), nextafter(max(times), inf), template, said["id"].to_pylist())
    about = about.select(["id", "version", "backend", "messages", "answer"])
    return said.join(about, keys="id", join_type="left outer").sort_by("at")


@stamina.retry(on=FileNotFoundError, attempts=5)  # a part was made one with others after it was listed
def read(kind: str, since: float, until: float, template: str, ids: list[str] | None = None) -> pa.Table:
    """Rows of a kind that are settled or landed, by time.

    What has landed is read first: a row that is settled meanwhile is then seen twice, not missed: its number tells.
    """
    from pyarrow import dataset

    home, columns = folder(), schema(kind)
    fresh = landed(home / LANDING, kind)
    files: list[str] = []
    settled = {}
    for day in parquet_store.days(home / kind, since, until):
        found = parquet_store.parts(day)
        files += [str(part.path) for part in found]
        settled[day.name] = found[-1].last if found else 0
    rows = [(number, json.loads(row)) for number, _, row in fresh]
    rows = [row for number, row in rows if number > settled.get(parquet_store.day_of(row["at"]), 0)]
    wanted = (compute.field("at") >= since) & (compute.field("at") < until)
    if template:
        wanted &= compute.field("template") == template
    if ids is not None:
        wanted &= compute.field("id").isin(pa.array(ids, pa.string()))
    old = dataset.dataset(files, columns, format="parquet").to_table(filter=wanted)
    return pa.concat_tables([old, pa.Table.from_pylist(rows, columns).filter(wanted)]).sort_by("at")


@stamina.retry(on=FileNotFoundError, attempts=5)
def asked(home: Path, id: str) -> dict[str, Any] | None:
    """When an exchange was, of which template, and who asked; None if the log does not hold it."""
    from pyarrow import dataset

    if row := landed_row(home / LANDING, "exchanges", id):
        return json.loads(row)
    for day in reversed(parquet_store.days(home / "exchanges")):
        files = [str(part.path) for part in parquet_store.parts(day)]
        table = dataset.dataset(files, schema("exchanges"), format="parquet")
        found = table.to_table(["at", "template", "key", "user"], filter=compute.field("id") == id)
        if len(found):
            return found.to_pylist()[0]
    return None
