"""The traffic ramp: a new version gets the traffic step by step, and is rolled back when its requests fail."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.core.errors import WeaverError
from pipelines.core.plan import Deployment
from pipelines.core.routes import Route, ServedVersion, find_route, write_route
from pipelines.request_log import read_exchanges

POLL_SECONDS = 0.5  # between two looks at the request log
ACCEPTABLE_STATUSES = ("ok", "cancelled")


def ramp_traffic(new: ServedVersion, plan: Deployment, keep_previous: bool = True) -> None:
    """Send the plan's shares of the traffic to a version that is loaded, and in the end all of it.

    A process that is killed meanwhile leaves the shares as they are; the next call begins again with the first step.

    Args:
        keep_previous: keep the previous champion in the route with no share, so that a rollback needs no loading.
    Raises:
        WeaverError: too many requests failed or were too slow; the previous champion gets all of the traffic again.
    """
    route = find_route(new.name)
    others = [version for version in route.versions if version.version != new.version] if route else []
    previous = next((version for version in others if route and version.version == route.champion), None)
    if previous is None:  # the first version; or the champion itself, which was loaded again
        write_shares({new: 1.0}, champion=new, beside=others)
        return
    try:
        for share in (*(step for step in plan.traffic_ramp if step < 1), 1.0):
            since = time.time()
            write_shares({new: share, previous: 1 - share}, champion=new if share == 1 else previous)
            observe_step(new, plan, since)
    except WeaverError:
        write_shares({previous: 1.0}, champion=previous)
        raise
    if not keep_previous:
        write_shares({new: 1.0}, champion=new)
        time.sleep(POLL_SECONDS)  # the gateway follows: from now on every request goes to the new version


def write_shares(
    shares: Mapping[ServedVersion, float], champion: ServedVersion, beside: Sequence[ServedVersion] = ()
) -> None:
    """Write the route; the gateway follows within a second.

    Args:
        beside: further versions that stay in the route without a share.
    """
    write_route(
        Route(
            name=champion.name,
            champion=champion.version,
            versions=[*shares, *beside],
            shares={version.version: share for version, share in shares.items() if share},
        )
    )


def observe_step(new: ServedVersion, plan: Deployment, since: float) -> None:
    """Check the version's requests from `since` (epoch seconds) on, for as long as a step of the ramp lasts.

    Raises:
        WeaverError: more of them failed, or were slower, than the plan allows.
    """
    while time.time() < since + plan.ramp_step_seconds:
        time.sleep(min(POLL_SECONDS, plan.ramp_step_seconds))
        check_requests(new, plan, since)


def check_requests(new: ServedVersion, plan: Deployment, since: float) -> None:
    """Raise if the version's requests since then (epoch seconds) exceed the plan's error rate or p95 latency."""
    table = read_exchanges(since=since, template=new.name)
    rows = [row for row in table.to_pylist() if row["version"] == new.version and not row["shadow_of"]]
    failed = [row["status"] for row in rows if row["status"] not in ACCEPTABLE_STATUSES]
    if len(failed) > plan.max_error_rate * len(rows):
        raise WeaverError(
            f"{len(failed)} of the first {len(rows)} requests to {new.name} version {new.version} failed "
            f"({', '.join(sorted(set(failed)))}), so the previous version gets all of the traffic again",
            "Read the backend's log.",
        )
    latencies = [row["latency_s"] for row in rows if row["status"] == "ok" and not row["cached"]]
    if latencies and (p95 := float(np.percentile(latencies, 95))) > plan.max_seconds:
        raise WeaverError(
            f"{new.name} version {new.version} has a p95 latency of {p95:.1f} s over {len(latencies)} requests, and "
            f"deployment.max_seconds is {plan.max_seconds:g}, so the previous version gets all of the traffic again",
            "Give its backends more threads or a faster machine, or raise deployment.max_seconds.",
        )
