"""The routing agent decides by what it has measured, and says why."""

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
from pipelines.gateway.routing import MIN_RETRIES, TRIAL_EVERY, Agent, Choice

from .routes import route, served

POLICY = Serving(backend_preference="fastest", max_latency=5.0)


class Clock:
    """The agent's time, moved by the test; the circuit breaker keeps its own."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def to(version: ServedVersion, backend: str) -> Choice:
    return Choice(version, next(endpoint for endpoint in version.endpoints if endpoint.backend == backend), "")


def answer(agent: Agent, clock: Clock, choice: Choice, seconds: float = 0.4, tokens: int = 20) -> None:
    with agent.attempt(choice) as attempt:
        clock.now += seconds / 4
        attempt.first_token()
        clock.now += seconds * 3 / 4
        attempt.done({"prompt_tokens": 50, "completion_tokens": tokens})


def fail(agent: Agent, choice: Choice, error: BaseException | None = None) -> None:
    error = error or Unavailable("it broke off")
    with pytest.raises(type(error)), agent.attempt(choice):
        raise error


def backends(choices: list[Choice]) -> list[str]:
    return [choice.endpoint.backend for choice in choices]


def measured(agent: Agent, clock: Clock, version: ServedVersion, **seconds: float) -> None:
    for backend, each in seconds.items():
        for _ in range(endpoint_stats.ENOUGH):
            answer(agent, clock, to(version, backend), each)


def test_what_nothing_is_known_of_stays_in_the_plans_order() -> None:
    choices = Agent().order(served(), POLICY)
    assert backends(choices) == ["llama_cpp", "triton"]
    assert choices[0].why == "llama_cpp fewer than 5 recent answers"


def test_the_fastest_goes_first_and_says_by_what(clock: Clock) -> None:
    agent, version = Agent(), served()
    measured(agent, clock, version, llama_cpp=0.8, triton=0.4)
    choices = agent.order(version, POLICY)
    assert backends(choices) == ["triton", "llama_cpp"]
    assert choices[0].why == "fastest of 2 within 5 s: triton 0.40 s p95, 0.0056 per 1000 tokens, 0 in flight"


def test_the_cheapest_goes_first_though_it_is_slower(clock: Clock) -> None:
    agent, version = Agent(), served(costs_per_hour=(0.1, 1.0))
    measured(agent, clock, version, llama_cpp=0.8, triton=0.4)
    choices = agent.order(version, Serving(backend_preference="cheapest"))
    assert backends(choices) == ["llama_cpp", "triton"] and choices[0].why.startswith("cheapest of 2 within 5 s")


def test_the_plans_first_stays_first_whatever_is_faster(clock: Clock) -> None:
    agent, version = Agent(), served()
    measured(agent, clock, version, llama_cpp=0.8, triton=0.4)
    for _ in range(2 * TRIAL_EVERY):
        assert backends(agent.order(version, Serving(backend_preference="first"))) == ["llama_cpp", "triton"]


def test_what_is_over_the_latency_limit_is_a_fallback(clock: Clock) -> None:
    agent, version = Agent(), served(costs_per_hour=(0.1, 1.0))
    measured(agent, clock, version, llama_cpp=6.0, triton=0.4)
    choices = agent.order(version, Serving(backend_preference="cheapest", max_latency=5.0))
    assert backends(choices) == ["triton", "llama_cpp"]
    assert choices[1].why == "llama_cpp fallback, 6.00 s p95 is over 5 s"


def test_a_slow_place_gets_a_trial_once_its_figures_are_old(clock: Clock) -> None:
    agent, version = Agent(), served()
    measured(agent, clock, version, llama_cpp=6.0)
    clock.now += endpoint_stats.MINUTES * 60 + 1
    measured(agent, clock, version, triton=0.4)
    firsts = Counter()
    for _ in range(20 * TRIAL_EVERY):
        first = agent.order(version, POLICY)[0]
        firsts[first.endpoint.backend] += 1
        answer(agent, clock, first, 0.3)
        clock.now += 0.1
    assert "llama_cpp" in firsts and agent.order(version, POLICY)[0].why.startswith("fastest of 2")


def test_trials_are_few_and_say_so(clock: Clock) -> None:
    agent, version = Agent(), served()
    measured(agent, clock, version, llama_cpp=0.4)
    firsts = [agent.order(version, POLICY)[0] for _ in range(10 * TRIAL_EVERY)]
    trials = [choice for choice in firsts if choice.endpoint.backend == "triton"]
    assert len(trials) == 10
    assert trials[0].why == "trial, 1 request in 10: triton fewer than 5 recent answers"


def test_a_queue_makes_the_next_request_go_elsewhere(clock: Clock) -> None:
    agent, version = Agent(), served()
    measured(agent, clock, version, llama_cpp=0.4, triton=0.5)
    with agent.attempt(to(version, "llama_cpp")):
        assert agent.waiting("service_advisor") == 1 and agent.waiting("sales_assistant") == 0
        assert backends(agent.order(version, POLICY)) == ["triton", "llama_cpp"]
    assert agent.waiting("service_advisor") == 0
    assert backends(agent.order(version, POLICY)) == ["llama_cpp", "triton"]


def test_requests_that_are_worked_on_at_once_share_the_cost(clock: Clock) -> None:
    agent, version = Agent(), served()
    with agent.attempt(to(version, "llama_cpp")) as long:
        clock.now += 1
        with agent.attempt(to(version, "llama_cpp")) as short:
            clock.now += 2
        clock.now += 1
    assert long.cost == pytest.approx(3 / 3600) and short.cost == pytest.approx(1 / 3600)
    assert long.latency == pytest.approx(4) and short.latency == pytest.approx(2)


def test_failures_in_a_row_open_the_circuit_and_a_probe_heals_it() -> None:
    agent, version = Agent(probe_seconds=0.3), served()
    for _ in range(endpoint_stats.FAILURES):
        assert agent.order(version, POLICY)[0].endpoint.backend == "llama_cpp"
        fail(agent, to(version, "llama_cpp"))
    choices = agent.order(version, POLICY)
    assert backends(choices) == ["triton", "llama_cpp"] and "circuit open" in choices[1].why

    time.sleep(0.35)
    probe = agent.order(version, POLICY)[0]
    assert probe.endpoint.backend == "llama_cpp" and probe.why.startswith("probe")
    assert agent.order(version, POLICY)[0].endpoint.backend == "triton"  # one probe at a time
    fail(agent, probe)
    assert agent.order(version, POLICY)[0].endpoint.backend == "triton"

    time.sleep(0.35)
    probe = agent.order(version, POLICY)[0]
    with agent.attempt(probe) as attempt:
        attempt.done({"completion_tokens": 5})
    assert backends(agent.order(version, POLICY)) == ["llama_cpp", "triton"]
    assert agent.explain(route({3: 1.0}), POLICY)[0]["error_rate"] == 0  # what failed before the cure says nothing


def test_a_place_that_fails_now_and_then_is_a_fallback(clock: Clock) -> None:
    agent, version = Agent(), served()
    measured(agent, clock, version, llama_cpp=0.4, triton=0.8)
    for _ in range(4):
        fail(agent, to(version, "llama_cpp"))
        answer(agent, clock, to(version, "llama_cpp"))
    choices = agent.order(version, POLICY)
    assert backends(choices) == ["triton", "llama_cpp"]
    assert choices[1].why == "llama_cpp fallback, 31% of 13 recent requests failed"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), WeaverError("the question is too long")])
def test_what_is_not_the_backends_fault_is_not_held_against_it(error: BaseException) -> None:
    agent, version = Agent(), served()
    for _ in range(2 * endpoint_stats.FAILURES):
        fail(agent, to(version, "llama_cpp"), error)
    assert backends(agent.order(version, POLICY)) == ["llama_cpp", "triton"]
    assert agent.explain(route({3: 1.0}), POLICY)[0]["requests"] == 0


def test_a_timeout_inside_of_the_attempt_is_the_backends() -> None:
    agent, version = Agent(), served()

    async def slow() -> None:
        with agent.attempt(to(version, "llama_cpp")):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        asyncio.run(slow())
    assert agent.explain(route({3: 1.0}), POLICY)[0]["error_rate"] == 1


def test_retries_are_a_share_of_requests_with_a_floor(clock: Clock) -> None:
    agent, version = Agent(), served()
    policy = Serving(retry_share=0.1)
    assert [agent.may_retry("service_advisor", policy) for _ in range(MIN_RETRIES + 2)].count(True) == MIN_RETRIES
    clock.now += 61
    for _ in range(20 * MIN_RETRIES):
        answer(agent, clock, to(version, "llama_cpp"), seconds=0.01)
    taken = [agent.may_retry("service_advisor", policy) for _ in range(3 * MIN_RETRIES)].count(True)
    assert MIN_RETRIES < taken <= 2 * MIN_RETRIES
    assert not agent.may_retry("service_advisor", Serving(retry_share=0))
    assert agent.may_retry("sales_assistant", policy)  # a template's budget is its own


def test_explain_gives_every_place_with_its_figures(clock: Clock) -> None:
    agent, shifting = Agent(), route({3: 0.95, 4: 0.05})
    measured(agent, clock, shifting.find_version(3), llama_cpp=0.4, triton=6.0)
    rows: list[dict[str, Any]] = agent.explain(shifting, POLICY)
    assert [(row["version"], row["backend"], row["standing"]) for row in rows] == [
        (3, "llama_cpp", "fit"),
        (3, "triton", "slow"),
        (4, "llama_cpp", "unknown"),
        (4, "triton", "unknown"),
    ]
    first = rows[0]
    assert (first["requests"], first["error_rate"], first["share"], first["circuit"]) == (5, 0, 0.95, "closed")
    assert first["first_token_p95"] == pytest.approx(0.1) and first["latency_p50"] == pytest.approx(0.4)
    assert first["tokens_per_second"] == pytest.approx(50)
    assert first["cost_per_1000_tokens"] == pytest.approx(0.4 / 3600 / 20 * 1000, abs=1e-6)
    assert rows[2]["latency_p95"] is None


def test_a_decision_takes_no_time_that_anybody_notices(clock: Clock) -> None:
    agent, version = Agent(), served(costs_per_hour=(1.0, 1.0, 1.0))
    for _ in range(endpoint_stats.RECENT):
        for backend in ("llama_cpp", "triton", "vllm"):
            answer(agent, clock, to(version, backend))

    def seconds(work: Callable[[], object]) -> float:
        began = time.process_time()
        for _ in range(100):
            work()
        return (time.process_time() - began) / 100

    assert seconds(lambda: agent.order(version, POLICY)) < 0.002
