"""The request log, replayed under other cache policies: what the response cache would have saved."""

import json
import time
from typing import Any

from pipelines.core.plan import Serving
from pipelines.core.routes import ServedVersion
from pipelines.core.templates import load_template
from pipelines.costs.advice import DAYS, Advice, Recommendation, Unmeasured
from pipelines.gateway import semantic_cache
from pipelines.gateway.response_cache import CachedAnswer, ResponseCache
from pipelines.request_log import read_exchanges, select_user_requests

MIN_REQUESTS = 100  # answered requests that an advice needs
COLUMNS = ["at", "version", "backend", "messages", "answer", "status", "cached", "cost"]


def advise(template: str) -> Recommendation | None:
    """The cache policy that would have saved most in the last days; None if it is the one in force.

    Raises:
        WeaverError: the template does not exist, or the log cannot be read.
    """
    now, current = time.time(), load_template(template).serving
    requests = select_user_requests(read_exchanges(now - DAYS * 86_400, template=template)).select(COLUMNS)
    by_model = [row for row in requests.to_pylist() if row["backend"] or row["cached"]]  # not quoted, nor declined
    rows = [row for row in by_model if row["status"] == "ok"]
    if len(rows) < MIN_REQUESTS:
        why = f"the last {DAYS} days have {len(rows)} answered requests; at least {MIN_REQUESTS} are needed"
        return Unmeasured(about="cache", why=why)
    missed = [row["cost"] for row in rows if not row["cached"]]
    if not missed:
        return None
    cost, days = sum(missed) / len(missed), max(1.0, (now - rows[0]["at"]) / 86_400)
    policies = {name: current.model_copy(update={"cache": name}) for name in ("off", "exact", "semantic")}
    if semantic_cache.get_threshold(template, policies["semantic"]) is None:
        del policies["semantic"]  # without a verified threshold it would match exactly
    hits = {name: count_hits(template, rows, policy) for name, policy in policies.items()}
    before = hits.get(current.cache, hits["exact"])
    name = max(hits, key=lambda policy: hits[policy])
    if hits[name] <= before:
        return None
    more, threshold = hits[name] - before, semantic_cache.get_threshold(template, policies[name])
    return Advice(
        about="cache",
        what=f"serving.cache: {name}" + (f", with the verified threshold {threshold:g}" if name == "semantic" else ""),
        saving_per_month=more * cost / days * DAYS,
        formula=f"{more} more hits x {cost:.4g} per miss / {days:.1f} days x {DAYS} days",
        evidence=f"replay of {len(rows)} logged requests in their order, as if at temperature 0: {before} hits with "
        f"serving.cache: {current.cache}, {hits[name]} with {name}",
    )


def count_hits(template: str, rows: list[dict[str, Any]], policy: Serving) -> int:
    """How many of the requests, in their order and at their times, the cache would have answered."""
    if policy.cache == "semantic":
        semantic_cache.start_loading().result()
    at = 0.0
    cache, hits = ResponseCache(clock=lambda: at), 0
    for row in rows:
        at = row["at"]
        version = ServedVersion(
            name=template,
            version=row["version"],
            digest=str(row["version"]),
            system_prompt="",
            max_new_tokens=1,
            endpoints=(),
        )
        request = {"messages": json.loads(row["messages"]), "temperature": 0}
        if cache.get(version, request, policy):
            hits += 1
        else:
            cache.put(version, request, policy, CachedAnswer(row["answer"], "exact", 0, 0, "stop"))
    return hits
