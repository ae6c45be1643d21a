"""The request log, asked again under other cache policies: what the cache would have saved."""

import json
import time
from typing import Any

from pipelines.core.plan import Serving
from pipelines.core.routes import ServedVersion
from pipelines.core.templates import load_template
from pipelines.costs.advice import DAYS, Advice, Found, Unmeasured
from pipelines.gateway import semantic_cache
from pipelines.gateway.response_cache import Cache, Hit
from pipelines.request_log import exchanges, of_people

ENOUGH = 100  # answered requests; fewer say nothing
COLUMNS = ["at", "version", "messages", "answer", "status", "cached", "cost"]


def advise(template: str) -> Found | None:
    """The cache policy that would have saved the most of the last days; None if it is the one in force.

    Raises:
        WeaverError: there is no such template, or the log cannot be read.
    """
    now, present = time.time(), load_template(template).serving
    asked = of_people(exchanges(now - DAYS * 86_400, template=template)).select(COLUMNS).to_pylist()
    rows = [row for row in asked if row["status"] == "ok"]
    if len(rows) < ENOUGH:
        return Unmeasured(about="cache", why=f"{len(rows)} answered requests in the last {DAYS} days; {ENOUGH} suffice")
    missed = [row["cost"] for row in rows if not row["cached"]]
    if not missed:
        return None
    cost, days = sum(missed) / len(missed), max(1.0, (now - rows[0]["at"]) / 86_400)
    policies = {name: present.model_copy(update={"cache": name}) for name in ("off", "exact", "semantic")}
    if semantic_cache.threshold(template, policies["semantic"]) is None:
        del policies["semantic"]  # not verified: its cache would be exact
    hits = {name: replayed(template, rows, policy) for name, policy in policies.items()}
    before = hits.get(present.cache, hits["exact"])
    name = max(hits, key=lambda policy: hits[policy])
    if hits[name] <= before:
        return None
    more, least = hits[name] - before, semantic_cache.threshold(template, policies[name])
    return Advice(
        about="cache",
        what=f"serving.cache: {name}" + (f", at the verified similarity of {least:g}" if name == "semantic" else ""),
        saving_per_month=more * cost / days * DAYS,
        formula=f"{more} more hits x {cost:.4g} a miss / {days:.1f} days x {DAYS}",
        evidence=f"{len(rows)} logged requests asked again in their order, as if none was sampled: {before} hits under "
        f"{present.cache}, {hits[name]} under {name}",
    )


def replayed(template: str, rows: list[dict[str, Any]], policy: Serving) -> int:
    """How many of the requests, in their order and at their times, the cache would have answered."""
    if policy.cache == "semantic":
        semantic_cache.loading().result()
    at = 0.0
    cache, hits = Cache(clock=lambda: at), 0
    for row in rows:
        at = row["at"]
        model_version = ServedVersion(
            name=template,
            version=row["version"],
            digest=str(row["version"]),
            system_prompt="",
            max_new_tokens=1,
            endpoints=(),
        )
        request = {"messages": json.loads(row["messages"]), "temperature": 0}
        if cache.get(model_version, request, policy):
            hits += 1
        else:
            cache.put(model_version, request, policy, Hit(row["answer"], "exact", 0, 0, "stop"))
    return hits
