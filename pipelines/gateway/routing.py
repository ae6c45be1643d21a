"""The router: which version answers a request, on which endpoint, and why. It decides by measurements of its requests.

    version, reason = router.choose_version(route, user, policy)   by shares; a user stays with a version
    for target in router.rank(version, policy):                    endpoints, best first: the rest are fallbacks
        with router.attempt(target) as attempt:                    measures; failures count against the endpoint
            …; attempt.first_token(); …; attempt.done(usage)

An endpoint is a version on a backend. Endpoints within the policy's latency limit come first, by its preference; then
those with too few measurements, slow ones, failing ones, and last those with an open circuit. To keep statistics
current, at most one request in EXPLORE_EVERY goes first to an endpoint with too few measurements, and after each pause
one request probes an endpoint whose circuit is open.
"""

import time
from collections import defaultdict, deque
from enum import IntEnum
from typing import Any, NamedTuple

from pipelines.core.plan import Serving
from pipelines.core.routes import Endpoint, Route, ServedVersion
from pipelines.gateway import traffic_split
from pipelines.gateway.endpoint_stats import MIN_SAMPLES, PROBE_SECONDS, Attempt, EndpointStats

EXPLORE_EVERY = 10  # requests of a template
MAX_ERROR_RATE = 0.2  # of an endpoint's recent requests; above it, the endpoint comes after the others
RETRY_WINDOW_SECONDS = 60.0  # over which the retry budget compares retries with requests
MIN_RETRIES = 120  # in that window, where retries are allowed at all: a share of few requests would be none


class Target(NamedTuple):
    """An endpoint to send a request to, and why it is in this position."""

    version: ServedVersion
    endpoint: Endpoint
    reason: str


class EndpointStatus(IntEnum):
    """How an endpoint performs now; lower is better."""

    WITHIN_LIMITS, UNMEASURED, SLOW, FAILING, CIRCUIT_OPEN = range(5)


class RankedEndpoint(NamedTuple):
    """An endpoint with what its rank depends on."""

    endpoint: Endpoint
    status: EndpointStatus
    cost: float  # per 1,000 tokens
    seconds: float  # expected latency of an answer
    reason: str


class Router:
    """Of one gateway; for one event loop: it does no I/O and waits for nothing."""

    def __init__(self, probe_seconds: float = PROBE_SECONDS) -> None:
        self.stats: dict[tuple[str, int, str], EndpointStats] = defaultdict(lambda: EndpointStats(probe_seconds))
        self.attempts: dict[str, deque[float]] = defaultdict(deque)  # template → when each began
        self.retries: dict[str, deque[float]] = defaultdict(deque)
        self.since_exploration: dict[str, int] = defaultdict(int)  # template → requests

    def choose_version(self, route: Route, user: str, policy: Serving) -> tuple[ServedVersion, str]:
        """The version that serves a user, and the reason; a `user` of "" draws one at random for each request."""
        return traffic_split.choose_version(route, user, policy.min_score)

    def choose_shadows(self, route: Route) -> list[ServedVersion]:
        """The shadow versions that get a copy of this request."""
        return traffic_split.choose_shadows(route)

    def rank(self, version: ServedVersion, policy: Serving) -> list[Target]:
        """The endpoints of a version, best first. Call it once per request: it may put one first to explore it."""
        ranked = self.rank_by_stats(version, policy)
        self.since_exploration[version.name] += 1
        endpoint, reason = self.choose_exploration(version, ranked, policy)
        if endpoint and endpoint != ranked[0].endpoint:
            ranked.sort(key=lambda other: other.endpoint != endpoint)
            ranked[0] = ranked[0]._replace(reason=reason)
        elif ranked[0].status == EndpointStatus.WITHIN_LIMITS:
            count = sum(other.status == EndpointStatus.WITHIN_LIMITS for other in ranked)
            first = policy.backend_preference == "first"
            preference = "first in the plan" if first else policy.backend_preference
            reason = f"{preference} of {count} within {policy.max_latency:g} s: {ranked[0].reason}"
            ranked[0] = ranked[0]._replace(reason=reason)
        return [Target(version, other.endpoint, other.reason) for other in ranked]

    def choose_exploration(
        self, version: ServedVersion, ranked: list[RankedEndpoint], policy: Serving
    ) -> tuple[Endpoint | None, str]:
        """An endpoint to use first in order to measure it, and the reason; None if none is due."""
        for endpoint, status, *_ in ranked:
            stats = self.stats_of(version, endpoint)
            if status == EndpointStatus.CIRCUIT_OPEN and not stats.seconds_until_probe and not stats.in_flight:
                stats.probed = time.time()  # one request at a time
                return endpoint, "probe of an open circuit"
        if policy.backend_preference == "first" or self.since_exploration[version.name] < EXPLORE_EVERY:
            return None, ""
        for endpoint, status, *_, reason in ranked:
            if status == EndpointStatus.UNMEASURED and not self.stats_of(version, endpoint).in_flight:
                self.since_exploration[version.name] = 0
                return endpoint, f"exploration, 1 request in {EXPLORE_EVERY}: {reason}"
        return None, ""

    def rank_by_stats(self, version: ServedVersion, policy: Serving) -> list[RankedEndpoint]:
        """The endpoints of a version by their statistics, best first; equals in the plan's order."""
        ranked = [self.assess(version, endpoint, policy) for endpoint in version.endpoints]
        if policy.backend_preference == "first":  # only slow, failing and open ones lose their position in the plan
            return sorted(ranked, key=lambda other: max(other.status, EndpointStatus.UNMEASURED))
        cheapest = policy.backend_preference == "cheapest"
        fields = ("status", "cost", "seconds") if cheapest else ("status", "seconds", "cost")
        return sorted(ranked, key=lambda other: [getattr(other, field) for field in fields])

    def assess(self, version: ServedVersion, endpoint: Endpoint, policy: Serving) -> RankedEndpoint:
        """An endpoint's status by its statistics and the policy's limits."""
        stats = self.stats_of(version, endpoint)
        summary = stats.summary(endpoint.cost_per_hour)
        p95, cost, errors = summary["latency_p95"], summary["cost_per_1000_tokens"] or 0.0, summary["error_rate"]
        # A queue adds an answer's time for each request in it: least expected wait, as Finagle's peak EWMA.
        seconds = (summary["latency_p50"] or 0.0) * (stats.in_flight + 1)
        if stats.is_open:
            status = EndpointStatus.CIRCUIT_OPEN
            reason = f"last resort, circuit open, next probe in {stats.seconds_until_probe:.0f} s"
        elif summary["requests"] >= MIN_SAMPLES and errors > MAX_ERROR_RATE:
            status = EndpointStatus.FAILING
            reason = f"fallback, {errors:.0%} of {summary['requests']} recent requests failed"
        elif p95 is None:
            status, reason = EndpointStatus.UNMEASURED, f"fewer than {MIN_SAMPLES} recent answers"
        elif p95 > policy.max_latency:
            status, reason = EndpointStatus.SLOW, f"fallback, p95 {p95:.2f} s is over {policy.max_latency:g} s"
        else:
            status = EndpointStatus.WITHIN_LIMITS
            reason = f"p95 {p95:.2f} s, {cost:.2g} per 1000 tokens, {stats.in_flight} in flight"
        return RankedEndpoint(endpoint, status, cost, seconds, f"{endpoint.backend} {reason}")

    def attempt(self, target: Target) -> Attempt:
        """A context to send the request in.

        Put its timeout inside: a cancellation from outside counts as the client's, not as the backend's failure.
        """
        drop_old(self.attempts[target.version.name]).append(time.monotonic())
        return Attempt(self.stats_of(target.version, target.endpoint), target.endpoint.cost_per_hour)

    def take_retry(self, template: str, policy: Serving) -> bool:
        """Take a retry from the template's retry budget; False if none is left."""
        attempts, retries = drop_old(self.attempts[template]), drop_old(self.retries[template])
        requests = len(attempts) - len(retries)
        if policy.retry_share and len(retries) < max(MIN_RETRIES, policy.retry_share * requests):
            retries.append(time.monotonic())
            return True
        return False

    def count_in_flight(self, template: str) -> int:
        """Requests in flight, on all endpoints of a template."""
        return sum(stats.in_flight for (name, *_), stats in self.stats.items() if name == template)

    def explain(self, route: Route, policy: Serving) -> list[dict[str, Any]]:
        """One row per endpoint, those of a version best first: its statistics, its status and the reason."""
        return [
            {
                "version": version.version,
                "share": route.shares.get(version.version, 0.0),
                "shadow": route.shadow.get(version.version, 0.0),
                "score": version.score,
                "backend": ranked.endpoint.backend,
                "status": ranked.status.name.lower(),
                "reason": ranked.reason,
                **self.stats_of(version, ranked.endpoint).summary(ranked.endpoint.cost_per_hour),
            }
            for version in route.versions
            for ranked in self.rank_by_stats(version, policy)
        ]

    def stats_of(self, version: ServedVersion, endpoint: Endpoint) -> EndpointStats:
        """The statistics of a version on a backend."""
        return self.stats[version.name, version.version, endpoint.backend]


def drop_old(times: deque[float]) -> deque[float]:
    """Remove times that are older than the retry window; returns the same deque."""
    while times and times[0] < time.monotonic() - RETRY_WINDOW_SECONDS:
        times.popleft()
    return times
