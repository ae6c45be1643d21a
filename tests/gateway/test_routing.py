"""The router decides by its measurements, and gives the reason."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.plan import Serving
from pipelines.core.routes import ServedVersion
from pipelines.gateway import endpoint_stats
from pipelines.gateway.routing import EXPLORE_EVERY, MIN_RETRIES, Router, Target

from .routes import make_version, route

POLICY = Serving(backend_preference="fastest", max_latency=5.0)


class Clock:
    """The router's time, moved by the test; the circuit breaker has its own."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def to(version: ServedVersion, backend: str) -> Target:
    return Target(version, next(endpoint for endpoint in version.endpoints if endpoint.backend == backend), "")


def answer(router: Router, clock: Clock, target: Target, seconds: float = 0.4, tokens: int = 20) -> None:
    with router.attempt(target) as attempt:
        clock.now += seconds / 4
        attempt.first_token()
        clock.now += seconds * 3 / 4
        attempt.done({"prompt_tokens": 50, "completion_tokens": tokens})


def fail(router: Router, target: Target, error: BaseException | None = None) -> None:
    error = error or Unavailable("it broke off")
    with pytest.raises(type(error)), router.attempt(target):
        raise error


def backends(targets: list[Target]) -> list[str]:
    return [target.endpoint.backend for target in targets]


def measure(router: Router, clock: Clock, version: ServedVersion, **seconds: float) -> None:
    for backend, each in seconds.items():
        for _ in range(endpoint_stats.MIN_SAMPLES):
            answer(router, clock, to(version, backend), each)


def test_unmeasured_endpoints_stay_in_the_plans_order() -> None:
    targets = Router().rank(make_version(), POLICY)
    assert backends(targets) == ["llama_cpp", "triton"]
    assert targets[0].reason == "llama_cpp fewer than 5 recent answers"


def test_the_fastest_endpoint_comes_first_with_its_statistics_as_the_reason(clock: Clock) -> None:
    router, version = Router(), make_version()
    measure(router, clock, version, llama_cpp=0.8, triton=0.4)
    targets = router.rank(version, POLICY)
    assert backends(targets) == ["triton", "llama_cpp"]
    assert targets[0].reason == "fastest of 2 within 5 s: triton p95 0.40 s, 0.0056 per 1000 tokens, 0 in flight"


def test_the_cheapest_endpoint_comes_first_even_if_it_is_slower(clock: Clock) -> None:
    router, version = Router(), make_version(costs_per_hour=(0.1, 1.0))
    measure(router, clock, version, llama_cpp=0.8, triton=0.4)
    targets = router.rank(version, Serving(backend_preference="cheapest"))
    assert backends(targets) == ["llama_cpp", "triton"] and targets[0].reason.startswith("cheapest of 2 within 5 s")


def test_with_the_preference_first_the_plans_order_stays(clock: Clock) -> None:
    router, version = Router(), make_version()
    measure(router, clock, version, llama_cpp=0.8, triton=0.4)
    for _ in range(2 * EXPLORE_EVERY):
        assert backends(router.rank(version, Serving(backend_preference="first"))) == ["llama_cpp", "triton"]


def test_an_endpoint_over_the_latency_limit_is_a_fallback(clock: Clock) -> None:
    router, version = Router(), make_version(costs_per_hour=(0.1, 1.0))
    measure(router, clock, version, llama_cpp=6.0, triton=0.4)
    targets = router.rank(version, Serving(backend_preference="cheapest", max_latency=5.0))
    assert backends(targets) == ["triton", "llama_cpp"]
    assert targets[1].reason == "llama_cpp fallback, p95 6.00 s is over 5 s"


def test_a_slow_endpoint_is_explored_again_once_its_statistics_are_old(clock: Clock) -> None:
    router, version = Router(), make_version()
    measure(router, clock, version, llama_cpp=6.0)
    clock.now += endpoint_stats.WINDOW_MINUTES * 60 + 1
    measure(router, clock, version, triton=0.4)
    firsts = Counter()
    for _ in range(20 * EXPLORE_EVERY):
        first = router.rank(version, POLICY)[0]
        firsts[first.endpoint.backend] += 1
        answer(router, clock, first, 0.3)
        clock.now += 0.1
    assert "llama_cpp" in firsts and router.rank(version, POLICY)[0].reason.startswith("fastest of 2")


def test_exploration_is_rare_and_is_named_as_the_reason(clock: Clock) -> None:
    router, version = Router(), make_version()
    measure(router, clock, version, llama_cpp=0.4)
    firsts = [router.rank(version, POLICY)[0] for _ in range(10 * EXPLORE_EVERY)]
    explorations = [target for target in firsts if target.endpoint.backend == "triton"]
    assert len(explorations) == 10
    assert explorations[0].reason == "exploration, 1 request in 10: triton fewer than 5 recent answers"


def test_requests_in_flight_send_the_next_request_to_another_endpoint(clock: Clock) -> None:
    router, version = Router(), make_version()
    measure(router, clock, version, llama_cpp=0.4, triton=0.5)
    with router.attempt(to(version, "llama_cpp")):
        assert router.count_in_flight("service_advisor") == 1 and router.count_in_flight("sales_assistant") == 0
        assert backends(router.rank(version, POLICY)) == ["triton", "llama_cpp"]
    assert router.count_in_flight("service_advisor") == 0
    assert backends(router.rank(version, POLICY)) == ["llama_cpp", "triton"]


def test_concurrent_requests_share_the_cost(clock: Clock) -> None:
    router, version = Router(), make_version()
    with router.attempt(to(version, "llama_cpp")) as long:
        clock.now += 1
        with router.attempt(to(version, "llama_cpp")) as short:
            clock.now += 2
        clock.now += 1
    assert long.cost == pytest.approx(3 / 3600) and short.cost == pytest.approx(1 / 3600)
    assert long.latency == pytest.approx(4) and short.latency == pytest.approx(2)


def test_consecutive_failures_open_the_circuit_and_a_probe_closes_it() -> None:
    router, version = Router(probe_seconds=0.3), make_version()
    for _ in range(endpoint_stats.FAILURES_TO_OPEN):
        assert router.rank(version, POLICY)[0].endpoint.backend == "llama_cpp"
        fail(router, to(version, "llama_cpp"))
    targets = router.rank(version, POLICY)
    assert backends(targets) == ["triton", "llama_cpp"] and "circuit open" in targets[1].reason

    time.sleep(0.35)
    probe = router.rank(version, POLICY)[0]
    assert probe.endpoint.backend == "llama_cpp" and probe.reason.startswith("probe")
    assert router.rank(version, POLICY)[0].endpoint.backend == "triton"  # one probe at a time
    fail(router, probe)
    assert router.rank(version, POLICY)[0].endpoint.backend == "triton"

    time.sleep(0.35)
    probe = router.rank(version, POLICY)[0]
    with router.attempt(probe) as attempt:
        attempt.done({"completion_tokens": 5})
    assert backends(router.rank(version, POLICY)) == ["llama_cpp", "triton"]
    assert router.explain(route({3: 1.0}), POLICY)[0]["error_rate"] == 0  # failures before the recovery no longer count


def test_an_endpoint_with_a_high_error_rate_is_a_fallback(clock: Clock) -> None:
    router, version = Router(), make_version()
    measure(router, clock, version, llama_cpp=0.4, triton=0.8)
    for _ in range(4):
        fail(router, to(version, "llama_cpp"))
        answer(router, clock, to(version, "llama_cpp"))
    targets = router.rank(version, POLICY)
    assert backends(targets) == ["triton", "llama_cpp"]
    assert targets[1].reason == "llama_cpp fallback, 31% of 13 recent requests failed"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), WeaverError("the question is too long")])
def test_errors_of_the_client_do_not_count_against_the_backend(error: BaseException) -> None:
    router, version = Router(), make_version()
    for _ in range(2 * endpoint_stats.FAILURES_TO_OPEN):
        fail(router, to(version, "llama_cpp"), error)
    assert backends(router.rank(version, POLICY)) == ["llama_cpp", "triton"]
    assert router.explain(route({3: 1.0}), POLICY)[0]["requests"] == 0


def test_a_timeout_inside_the_attempt_counts_against_the_backend() -> None:
    router, version = Router(), make_version()

    async def slow() -> None:
        with router.attempt(to(version, "llama_cpp")):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        asyncio.run(slow())
    assert router.explain(route({3: 1.0}), POLICY)[0]["error_rate"] == 1


def test_retries_are_a_share_of_requests_with_a_floor(clock: Clock) -> None:
    router, version = Router(), make_version()
    policy = Serving(retry_share=0.1)
    assert [router.take_retry("service_advisor", policy) for _ in range(MIN_RETRIES + 2)].count(True) == MIN_RETRIES
    clock.now += 61
    for _ in range(20 * MIN_RETRIES):
        answer(router, clock, to(version, "llama_cpp"), seconds=0.01)
    taken = [router.take_retry("service_advisor", policy) for _ in range(3 * MIN_RETRIES)].count(True)
    assert MIN_RETRIES < taken <= 2 * MIN_RETRIES
    assert not router.take_retry("service_advisor", Serving(retry_share=0))
    assert router.take_retry("sales_assistant", policy)  # each template has its own budget


def test_explain_lists_every_endpoint_with_its_statistics(clock: Clock) -> None:
    router, ramping = Router(), route({3: 0.95, 4: 0.05})
    measure(router, clock, ramping.find_version(3), llama_cpp=0.4, triton=6.0)
    rows: list[dict[str, Any]] = router.explain(ramping, POLICY)
    assert [(row["version"], row["backend"], row["status"]) for row in rows] == [
        (3, "llama_cpp", "within_limits"),
        (3, "triton", "slow"),
        (4, "llama_cpp", "unmeasured"),
        (4, "triton", "unmeasured"),
    ]
    first = rows[0]
    assert (first["requests"], first["error_rate"], first["share"], first["circuit"]) == (5, 0, 0.95, "closed")
    assert first["first_token_p95"] == pytest.approx(0.1) and first["latency_p50"] == pytest.approx(0.4)
    assert first["tokens_per_second"] == pytest.approx(50)
    assert first["cost_per_1000_tokens"] == pytest.approx(0.4 / 3600 / 20 * 1000, abs=1e-6)
    assert rows[2]["latency_p95"] is None


def test_ranking_takes_less_than_two_milliseconds(clock: Clock) -> None:
    router, version = Router(), make_version(costs_per_hour=(1.0, 1.0, 1.0))
    for _ in range(endpoint_stats.MAX_SAMPLES):
        for backend in ("llama_cpp", "triton", "vllm"):
            answer(router, clock, to(version, backend))

    def seconds(work: Callable[[], object]) -> float:
        began = time.process_time()
        for _ in range(100):
            work()
        return (time.process_time() - began) / 100

    assert seconds(lambda: router.rank(version, POLICY)) < 0.002
