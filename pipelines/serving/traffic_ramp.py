"""The traffic moves to a new version step by step, watched; what goes wrong sends it back."""

import time
from collections.abc import Sequence

from pipelines.core.errors import WeaverError
from pipelines.core.plan import Deployment
from pipelines.core.routes import Route, ServedVersion, read_route, route_file
from pipelines.request_log import exchanges

GLANCE = 0.5  # seconds between two looks at the log
FINE = ("ok", "cancelled")


def shift(served: ServedVersion, plan: Deployment, keep: bool = True) -> None:
    """Send the plan's shares of the traffic to a version that is loaded, and in the end all of it.

    Killed on its way, the shares stay as they are; run again, it begins again.

    Args:
        keep: the champion before it stays in the route without a share, so that the way back needs no loading.
    Raises:
        WeaverError: too many requests failed, or took too long; the champion before it gets all traffic again.
    """
    before = current(served.name)
    others = [one for one in before.served if one.version != served.version] if before else []
    old = next((one for one in others if before and one.version == before.champion), None)
    if old is None:  # the first version; or the champion itself, which was loaded anew
        send({served: 1.0}, champion=served, beside=others)
        return
    try:
        for share in (*(step for step in plan.shift if step < 1), 1.0):
            since = time.time()
            send({served: share, old: 1 - share}, champion=served if share == 1 else old)
            watch(served, plan, since)
    except WeaverError:
        send({old: 1.0}, champion=old)
        raise
    if not keep:
        send({served: 1.0}, champion=served)
        time.sleep(GLANCE)  # the gateway follows; who asks from now on asks for this version


def send(shares: dict[ServedVersion, float], champion: ServedVersion, beside: Sequence[ServedVersion] = ()) -> None:
    """Write the route; the gateway follows within a second."""
    Route(
        name=champion.name,
        champion=champion.version,
        served=[*shares, *beside],
        shares={one.version: share for one, share in shares.items() if share},
    ).save(route_file(champion.name))


def watch(served: ServedVersion, plan: Deployment, since: float) -> None:
    """Look at what becomes of the version's requests from `since` (epoch seconds) on, for as long as a step lasts.

    Raises:
        WeaverError: more of them failed, or took longer, than the plan allows.
    """
    while time.time() < since + plan.shift_seconds:
        time.sleep(min(GLANCE, plan.shift_seconds))
        judge(served, plan, since)


def judge(served: ServedVersion, plan: Deployment, since: float) -> None:
    table = exchanges(since=since, template=served.name)
    rows = [row for row in table.to_pylist() if row["version"] == served.version and not row["shadow_of"]]
    failed = [row["status"] for row in rows if row["status"] not in FINE]
    if len(failed) > plan.max_errors * len(rows):
        raise WeaverError(
            f"{len(failed)} of the first {len(rows)} requests to {served.name} version {served.version} failed "
            f"({', '.join(sorted(set(failed)))}); the version before it answers again",
            "See the backend's log.",
        )
    took = sorted(row["latency_s"] for row in rows if row["status"] == "ok" and not row["cached"])
    if took and (slow := took[int(0.95 * len(took))]) > plan.max_seconds:
        raise WeaverError(
            f"{served.name} version {served.version} takes {slow:.1f} s (p95 of {len(took)} requests), and "
            f"deployment.max_seconds is {plan.max_seconds}; the version before it answers again",
            "Give its backends more threads or a faster machine, or allow more.",
        )


def current(name: str) -> Route | None:
    return read_route(name) if route_file(name).exists() else None
