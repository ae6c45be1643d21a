"""The routing agent: which version answers, where, and why. What it goes by is measured, request by request.

    served, why = agent.version(route, user, policy)     by shares; a user stays on a version
    for choice in agent.order(served, policy):           places, best first: the first, then the fallbacks
        with agent.attempt(choice) as attempt:           measures; what goes wrong is counted against the place
            …; attempt.first_token(); …; attempt.done(usage)

A place is a version on a backend. Places that meet the policy's latency come first, by its preference; then those that
too little is known of, slow ones, failing ones, and last those whose circuit is open. So that figures do not go stale,
one request in TRIAL_EVERY at the most goes first to a place that too little is known of, and one after each pause to a
place whose circuit is open.
"""

import time
from collections import defaultdict, deque
from enum import IntEnum
from typing import Any, NamedTuple

from pipelines.core.plan import Serving
from pipelines.core.routes import Endpoint, Route, ServedVersion
from pipelines.gateway import traffic_split
from pipelines.gateway.endpoint_stats import ENOUGH, PROBE_SECONDS, Attempt, Figures

TRIAL_EVERY = 10  # requests of a template
MAX_ERRORS = 0.2  # of a place's recent requests; more, and it is asked after the others
BUDGET_SECONDS = 60.0  # over which retries are held against requests
MIN_RETRIES = 120  # in that time, where retries are allowed at all: a share of few requests is none


class Choice(NamedTuple):
    model_version: ServedVersion
    endpoint: Endpoint
    why: str


class Rank(IntEnum):
    FIT, UNKNOWN, SLOW, FAILING, OPEN = range(5)


class Standing(NamedTuple):
    """How a place looks now."""

    endpoint: Endpoint
    rank: Rank
    cost: float  # of 1,000 tokens
    seconds: float  # that an answer is expected to take
    why: str


class Agent:
    """Of one gateway: for one event loop; it does no I/O and waits for nothing."""

    def __init__(self, probe_seconds: float = PROBE_SECONDS) -> None:
        self.endpoints: dict[tuple[str, int, str], Figures] = defaultdict(lambda: Figures(probe_seconds))
        self.attempts: dict[str, deque[float]] = defaultdict(deque)  # template → when each began
        self.retries: dict[str, deque[float]] = defaultdict(deque)
        self.since_trial: dict[str, int] = defaultdict(int)  # template → requests

    def version(self, route: Route, sticky: str, policy: Serving) -> tuple[ServedVersion, str]:
        """The version that a user is served by, and why; `sticky` names the user, empty draws anew each time."""
        return traffic_split.choose(route, sticky, policy.min_score)

    def shadows(self, route: Route) -> list[ServedVersion]:
        """The versions to ask in shadow this time."""
        return traffic_split.shadows(route)

    def order(self, model_version: ServedVersion, policy: Serving) -> list[Choice]:
        """The places of a version, best first. Call it once a request: it may put one place first on trial."""
        standings = self.standings(model_version, policy)
        self.since_trial[model_version.name] += 1
        tried, why = self.trial(model_version, standings, policy)
        if tried and tried != standings[0].endpoint:
            standings.sort(key=lambda standing: standing.endpoint != tried)
            standings[0] = standings[0]._replace(why=why)
        elif standings[0].rank == Rank.FIT:
            fit = sum(standing.rank == Rank.FIT for standing in standings)
            what = "first in the plan" if policy.backend_preference == "first" else policy.backend_preference
            why = f"{what} of {fit} within {policy.max_latency:g} s: {standings[0].why}"
            standings[0] = standings[0]._replace(why=why)
        return [Choice(model_version, standing.endpoint, standing.why) for standing in standings]

    def trial(
        self, model_version: ServedVersion, standings: list[Standing], policy: Serving
    ) -> tuple[Endpoint | None, str]:
        """A place to ask first so that something is known of it, and why; none if there is no need, or no turn."""
        for endpoint, rank, *_ in standings:
            figures = self.figures(model_version, endpoint)
            if rank == Rank.OPEN and not figures.probe_in and not figures.in_flight:
                figures.probed = time.time()  # one request at a time
                return endpoint, "probe, its circuit was open"
        if policy.backend_preference == "first" or self.since_trial[model_version.name] < TRIAL_EVERY:
            return None, ""
        for endpoint, rank, *_, why in standings:
            if rank == Rank.UNKNOWN and not self.figures(model_version, endpoint).in_flight:
                self.since_trial[model_version.name] = 0
                return endpoint, f"trial, 1 request in {TRIAL_EVERY}: {why}"
        return None, ""

    def standings(self, model_version: ServedVersion, policy: Serving) -> list[Standing]:
        """The places of a version as they look now, best first; equals in the plan's order."""
        found = [self.standing(model_version, endpoint, policy) for endpoint in model_version.endpoints]
        if (
            policy.backend_preference == "first"
        ):  # to be known is no merit: only what is slow, failing or open comes later
            return sorted(found, key=lambda standing: max(standing.rank, Rank.UNKNOWN))
        by = ("rank", "cost", "seconds") if policy.backend_preference == "cheapest" else ("rank", "seconds", "cost")
        return sorted(found, key=lambda standing: [getattr(standing, name) for name in by])

    def standing(self, model_version: ServedVersion, endpoint: Endpoint, policy: Serving) -> Standing:
        figures = self.figures(model_version, endpoint)
        known = figures.table(endpoint.cost_per_hour)
        p95, cost, errors = known["latency_p95"], known["cost_per_1000_tokens"] or 0.0, known["error_rate"]
        # A queue adds an answer's time for each request in it: least expected wait, as Finagle's peak EWMA.
        seconds = (known["latency_p50"] or 0.0) * (figures.in_flight + 1)
        if figures.open:
            rank, why = Rank.OPEN, f"last resort, circuit open, next probe in {figures.probe_in:.0f} s"
        elif known["requests"] >= ENOUGH and errors > MAX_ERRORS:
            rank, why = Rank.FAILING, f"fallback, {errors:.0%} of {known['requests']} recent requests failed"
        elif p95 is None:
            rank, why = Rank.UNKNOWN, f"fewer than {ENOUGH} recent answers"
        elif p95 > policy.max_latency:
            rank, why = Rank.SLOW, f"fallback, {p95:.2f} s p95 is over {policy.max_latency:g} s"
        else:
            rank, why = Rank.FIT, f"{p95:.2f} s p95, {cost:.2g} per 1000 tokens, {figures.in_flight} in flight"
        return Standing(endpoint, rank, cost, seconds, f"{endpoint.backend} {why}")

    def attempt(self, choice: Choice) -> Attempt:
        """A context to send the request in. Put its timeout inside of it: a cancellation from outside is taken for the
        client's going away, and says nothing about the backend."""
        lately(self.attempts[choice.model_version.name]).append(time.monotonic())
        return Attempt(self.figures(choice.model_version, choice.endpoint), choice.endpoint.cost_per_hour)

    def may_retry(self, template: str, policy: Serving) -> bool:
        """Whether the template's retry budget has a retry left; it is taken."""
        began, again = lately(self.attempts[template]), lately(self.retries[template])
        requests = len(began) - len(again)
        if policy.retry_share and len(again) < max(MIN_RETRIES, policy.retry_share * requests):
            again.append(time.monotonic())
            return True
        return False

    def waiting(self, template: str) -> int:
        """Requests in flight, at all places of a template."""
        return sum(figures.in_flight for (name, *_), figures in self.endpoints.items() if name == template)

    def explain(self, route: Route, policy: Serving) -> list[dict[str, Any]]:
        """One dict a place, those of a version best first: its figures, and why it stands where it does."""
        return [
            {
                "version": model_version.version,
                "share": route.shares.get(model_version.version, 0.0),
                "shadow": route.shadow.get(model_version.version, 0.0),
                "score": model_version.score,
                "backend": standing.endpoint.backend,
                "standing": standing.rank.name.lower(),
                "why": standing.why,
                **self.figures(model_version, standing.endpoint).table(standing.endpoint.cost_per_hour),
            }
            for model_version in route.versions
            for standing in self.standings(model_version, policy)
        ]

    def figures(self, model_version: ServedVersion, endpoint: Endpoint) -> Figures:
        return self.endpoints[model_version.name, model_version.version, endpoint.backend]


def lately(times: deque[float]) -> deque[float]:
    while times and times[0] < time.monotonic() - BUDGET_SECONDS:
        times.popleft()
    return times
