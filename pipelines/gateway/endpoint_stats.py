"""Statistics of a version on a backend: latency, errors and cost of recent requests, and its circuit breaker."""

import asyncio
import time
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from pybreaker import STATE_CLOSED, CircuitBreaker, CircuitBreakerError, CircuitMemoryStorage

from pipelines.core.errors import Unavailable, WeaverError

MAX_SAMPLES, WINDOW_MINUTES = 200, 10  # requests that count: at most so many, and none older
MIN_SAMPLES = 5  # answers that a statistic needs
FAILURES_TO_OPEN = 3  # in a row, that open the circuit
PROBE_SECONDS = 10.0  # after which an open circuit lets one request through


class Sample(NamedTuple):
    """One request."""

    at: float  # seconds of the monotonic clock
    ok: bool
    first_token: float = 0.0  # seconds
    latency: float = 0.0  # seconds
    tokens: int = 0  # generated
    busy: float = 0.0  # machine seconds: of a second in which n requests ran, each has 1/n


class EndpointStats:
    """Of one version on one backend; for one event loop: it neither waits nor locks."""

    def __init__(self, probe_seconds: float = PROBE_SECONDS) -> None:
        self.samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self.circuit = CircuitMemoryStorage(STATE_CLOSED)
        self.breaker = CircuitBreaker(FAILURES_TO_OPEN, probe_seconds, state_storage=self.circuit)
        self.probed = 0.0  # epoch seconds, as pybreaker counts
        self.in_flight = 0
        self.shared, self.changed = 0.0, time.monotonic()

    def read_busy_clock(self) -> float:
        """Machine seconds of a request that has been here all along: each second counts 1/n while n requests run."""
        now = time.monotonic()
        self.shared += (now - self.changed) / max(self.in_flight, 1)
        self.changed = now
        return self.shared

    def add(self, sample: Sample) -> None:
        """Count a finished request, also towards the circuit breaker."""
        self.samples.append(sample)
        was_open = self.is_open

        def outcome() -> None:
            if not sample.ok:
                raise Unavailable("the request failed")

        # An open circuit ignores every outcome until it is time for a probe.
        with suppress(CircuitBreakerError, Unavailable):
            self.breaker.call(outcome)
        if was_open and not self.is_open:  # recovered: earlier failures no longer count
            self.samples = deque((sample for sample in self.samples if sample.ok), maxlen=MAX_SAMPLES)

    def recent(self) -> list[Sample]:
        """The samples of the last WINDOW_MINUTES."""
        while self.samples and self.samples[0].at < time.monotonic() - WINDOW_MINUTES * 60:
            self.samples.popleft()
        return list(self.samples)

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open, or half open."""
        return bool(self.breaker.current_state != STATE_CLOSED)

    @property
    def seconds_until_probe(self) -> float:
        """Seconds until an open circuit may be probed."""
        opened = self.circuit.opened_at.timestamp() if self.circuit.opened_at else 0.0
        return float(max(max(opened, self.probed) + self.breaker.reset_timeout - time.time(), 0.0))

    def summary(self, cost_per_hour: float) -> dict[str, Any]:
        """Every statistic by its public name; latencies in seconds; None where there are too few samples.

        Args:
            cost_per_hour: of the endpoint's machine.
        """
        recent = self.recent()
        good = [sample for sample in recent if sample.ok]
        tokens, seconds = sum(sample.tokens for sample in good), sum(sample.latency for sample in good)
        hours = sum(sample.busy for sample in good) / 3600
        first, latency = [sample.first_token for sample in good], [sample.latency for sample in good]
        return {
            "in_flight": self.in_flight,
            "requests": len(recent),
            "error_rate": round(1 - len(good) / len(recent), 3) if recent else None,
            "first_token_p50": percentile(first, 50),
            "first_token_p95": percentile(first, 95),
            "latency_p50": percentile(latency, 50),
            "latency_p95": percentile(latency, 95),
            "tokens_per_second": round(tokens / seconds, 1) if seconds else None,
            "cost_per_1000_tokens": round(cost_per_hour * hours / tokens * 1000, 6) if tokens else None,
            "circuit": self.breaker.current_state,
        }


def percentile(values: list[float], percent: float) -> float | None:
    """A percentile by nearest rank; None of fewer than MIN_SAMPLES values."""
    if len(values) < MIN_SAMPLES:
        return None
    return round(float(np.percentile(values, percent, method="inverted_cdf")), 4)


class Attempt:
    """A request to an endpoint, from sending it to its last token: a context manager that adds a sample at its end.

    `cost` and `latency` (seconds) are known once it is left.
    """

    def __init__(self, stats: EndpointStats, cost_per_hour: float) -> None:
        self.stats, self.cost_per_hour = stats, cost_per_hour
        self.cost = self.latency = self.first = 0.0
        self.tokens: int | None = None

    def __enter__(self) -> Self:
        self.began, self.busy_began = time.monotonic(), self.stats.read_busy_clock()
        self.stats.in_flight += 1
        return self

    def first_token(self) -> None:
        """The first token has arrived."""
        self.first = self.first or time.monotonic() - self.began

    def done(self, usage: dict[str, Any]) -> None:
        """The answer is complete; `usage` is the last chunk's."""
        self.tokens = usage["completion_tokens"]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now, busy = time.monotonic(), self.stats.read_busy_clock() - self.busy_began
        self.stats.in_flight -= 1
        self.latency, self.cost = now - self.began, self.cost_per_hour * busy / 3600
        if error is None and self.tokens is not None:
            self.stats.add(Sample(now, True, self.first or self.latency, self.latency, self.tokens, busy))
        elif error is not None and is_backend_failure(error):
            self.stats.add(Sample(now, False))


def is_backend_failure(error: BaseException) -> bool:
    """Whether an error counts against the backend: not a client that disconnects, nor a request nobody can answer."""
    if isinstance(error, WeaverError):
        return isinstance(error, Unavailable)
    return not isinstance(error, asyncio.CancelledError | GeneratorExit | KeyboardInterrupt)
