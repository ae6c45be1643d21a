"""What is measured of a version on a backend: speed, errors and cost of late, and whether its circuit is open."""

import asyncio
import math
import time
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

from pybreaker import STATE_CLOSED, CircuitBreaker, CircuitBreakerError, CircuitMemoryStorage

from pipelines.core.errors import Unavailable, WeaverError

RECENT, MINUTES = 200, 10  # requests that count: no more, and no older
ENOUGH = 5  # answers from which a place is judged
FAILURES = 3  # in a row, that open the circuit
PROBE_SECONDS = 10.0  # after which an open circuit lets one request through


class Sample(NamedTuple):
    at: float  # seconds of the monotonic clock
    ok: bool
    first_token: float = 0.0  # seconds
    latency: float = 0.0  # seconds
    tokens: int = 0  # generated
    busy: float = 0.0  # seconds; of those in which it worked on n requests, 1/n


class Figures:
    """Of one version on one backend; for one event loop, as it waits for nothing and locks nothing."""

    def __init__(self, probe_seconds: float = PROBE_SECONDS) -> None:
        self.samples: deque[Sample] = deque(maxlen=RECENT)
        self.circuit = CircuitMemoryStorage(STATE_CLOSED)
        self.breaker = CircuitBreaker(FAILURES, probe_seconds, state_storage=self.circuit)
        self.probed = 0.0  # epoch seconds, as pybreaker counts
        self.in_flight = 0
        self.shared, self.changed = 0.0, time.monotonic()

    def share(self) -> float:
        """Seconds that a request had to itself if it has been here all along: one of n at once has 1/n of each."""
        now = time.monotonic()
        self.shared += (now - self.changed) / max(self.in_flight, 1)
        self.changed = now
        return self.shared

    def add(self, sample: Sample) -> None:
        self.samples.append(sample)
        was_open = self.open

        def outcome() -> None:
            if not sample.ok:
                raise Unavailable("the request failed")

        # An open circuit takes no notice of anything until it is time for a probe.
        with suppress(CircuitBreakerError, Unavailable):
            self.breaker.call(outcome)
        if was_open and not self.open:  # healed: what failed before says nothing any more
            self.samples = deque((sample for sample in self.samples if sample.ok), maxlen=RECENT)

    def recent(self) -> list[Sample]:
        while self.samples and self.samples[0].at < time.monotonic() - MINUTES * 60:
            self.samples.popleft()
        return list(self.samples)

    @property
    def open(self) -> bool:
        return self.breaker.current_state != STATE_CLOSED

    @property
    def probe_in(self) -> float:
        """Seconds until an open circuit may be probed."""
        opened = self.circuit.opened_at.timestamp() if self.circuit.opened_at else 0.0
        return max(max(opened, self.probed) + self.breaker.reset_timeout - time.time(), 0.0)

    def table(self, cost_per_hour: float) -> dict[str, Any]:
        """Every figure under the name that people see; None: too little is known.

        Args:
            machine_hour: what an hour of the place's machine costs.
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
            "first_token_p50": percentile(first, 0.5),
            "first_token_p95": percentile(first, 0.95),
            "latency_p50": percentile(latency, 0.5),
            "latency_p95": percentile(latency, 0.95),
            "tokens_per_second": round(tokens / seconds, 1) if seconds else None,
            "cost_per_1000_tokens": round(cost_per_hour * hours / tokens * 1000, 6) if tokens else None,
            "circuit": self.breaker.current_state,
        }


def percentile(values: list[float], share: float) -> float | None:
    """By nearest rank; None of fewer than ENOUGH values."""
    return round(sorted(values)[math.ceil(share * len(values)) - 1], 4) if len(values) >= ENOUGH else None


class Attempt:
    """A request at a place, from its sending to its last token; `cost` and `latency` are known once it is left."""

    def __init__(self, figures: Figures, cost_per_hour: float) -> None:
        self.figures, self.cost_per_hour = figures, cost_per_hour
        self.cost = self.latency = self.first = 0.0
        self.tokens: int | None = None

    def __enter__(self) -> Self:
        self.began, self.reading = time.monotonic(), self.figures.share()
        self.figures.in_flight += 1
        return self

    def first_token(self) -> None:
        self.first = self.first or time.monotonic() - self.began

    def done(self, usage: dict[str, Any]) -> None:
        """The answer is whole; `usage` is the last chunk's."""
        self.tokens = usage["completion_tokens"]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now, busy = time.monotonic(), self.figures.share() - self.reading
        self.figures.in_flight -= 1
        self.latency, self.cost = now - self.began, self.cost_per_hour * busy / 3600
        if error is None and self.tokens is not None:
            self.figures.add(Sample(now, True, self.first or self.latency, self.latency, self.tokens, busy))
        elif error is not None and of_backend(error):
            self.figures.add(Sample(now, False))


def of_backend(error: BaseException) -> bool:
    """A client that goes away, or asks what nobody can answer, says nothing about the backend."""
    if isinstance(error, WeaverError):
        return isinstance(error, Unavailable)
    return not isinstance(error, asyncio.CancelledError | GeneratorExit | KeyboardInterrupt)
