"""What the live version of an index holds, and whether its sources have changed since."""

from collections import Counter
from typing import Any

from pipelines.core.make_plan import make_plan
from pipelines.knowledge.index import collect_passages, live_version, open_table
from pipelines.knowledge.index_rows import row_digest
from pipelines.knowledge.index_verdict import read_verdict


def describe_index(template: str) -> dict[str, Any]:
    """version, built (local time, ISO 8601), passages, sources (source → passages), outdated (passages to change),
    verdict (of the index gate, on the newest version that it checked; None before the first).

    Raises:
        WeaverError: there is no index yet.
    """
    plan = make_plan(template)
    sources = {passage.id: row_digest(passage) for passage in collect_passages(plan)}
    table = open_table(template)
    version = live_version(table)
    built = {item["version"]: item["timestamp"] for item in table.list_versions()}
    if version:
        table.checkout(version)
    rows = table.search().select(["id", "source", "digest"]).to_arrow() if version else table.to_arrow().slice(0, 0)
    live = dict(zip(rows["id"].to_pylist(), rows["digest"].to_pylist(), strict=True))
    return {
        "version": version,
        "built": built[version].isoformat(timespec="seconds") if version else "",
        "passages": len(live),
        "sources": dict(Counter(rows["source"].to_pylist()).most_common()),
        "verdict": verdict.model_dump(mode="json") if (verdict := read_verdict(template)) else None,
        "outdated": sum(live.get(id_) != digest for id_, digest in sources.items()) + len(set(live) - set(sources)),
    }
