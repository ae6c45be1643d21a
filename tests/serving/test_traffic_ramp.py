"""Traffic goes to a new version step by step, and is rolled back when its requests fail or are too slow."""

import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint, ServedVersion, read_route
from pipelines.request_log import Exchange, RequestLog, log_folder
from pipelines.serving import traffic_ramp
from pipelines.serving.traffic_ramp import ramp_traffic

NAME = "service_advisor"
PLAN = Deployment(traffic_ramp=[0.05, 0.5, 1.0], ramp_step_seconds=0.2, max_error_rate=0.1, max_seconds=2)


def make_version(version: int) -> ServedVersion:
    endpoint = Endpoint(backend="llama_cpp", address=f"unix:/nowhere/{version}", model=f"{NAME}-v{version}")
    request_settings = {"system_prompt": "You advise.", "max_new_tokens": 8}
    return ServedVersion(
        name=NAME, version=version, digest=f"{version}" * 64, endpoints=(endpoint,), **request_settings
    )


@pytest.fixture
def simulate_requests(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`simulate_requests(2, "ok", …)`: the status of each request to version 2 during a step of the ramp."""
    log, number = RequestLog(log_folder()), iter(range(1000))

    def write(version: int, *statuses: str, seconds: float = 0.1, **other: Any) -> None:
        for status in statuses:
            defaults = {"template": NAME, "backend": "llama_cpp", "route": "", "key": "k", "user": "", "messages": "[]"}
            counts = {"prompt_tokens": 9, "completion_tokens": 9, "queue_s": 0, "first_token_s": 0, "cost": 0}
            message = {"answer": "", "cached": "", "id": f"r{next(number)}", "at": time.time()} | defaults | counts
            log.write(Exchange(**message | {"version": version, "status": status, "latency_s": seconds} | other))

    def answer_requests(version: int, *statuses: str, **other: Any) -> None:
        write_shares = traffic_ramp.write_shares

        def record_step(shares: dict[ServedVersion, float], *args: Any, **options: Any) -> None:
            write_shares(shares, *args, **options)
            steps.append({version.version: share for version, share in shares.items() if share})
            if len(shares) > 1:
                time.sleep(0.01)
                write(version, *statuses, **other)

        steps: list[dict[int, float]] = []
        monkeypatch.setattr(traffic_ramp, "write_shares", record_step)
        return steps

    yield answer_requests
    log.close()


def test_the_first_version_gets_all_traffic_at_once(home: Path) -> None:
    ramp_traffic(make_version(1), PLAN)
    assert (read_route(NAME).champion, read_route(NAME).shares) == (1, {1: 1.0})


def test_the_share_rises_step_by_step_and_the_previous_version_stays_loaded(simulate_requests: Any) -> None:
    ramp_traffic(make_version(1), PLAN)
    steps = simulate_requests(2, *["ok"] * 20)
    ramp_traffic(make_version(2), PLAN)
    assert steps == [{2: 0.05, 1: 0.95}, {2: 0.5, 1: 0.5}, {2: 1.0}]
    route = read_route(NAME)
    assert (route.champion, route.shares, [version.version for version in route.versions]) == (2, {2: 1.0}, [2, 1])
    ramp_traffic(make_version(3), PLAN)
    assert [version.version for version in read_route(NAME).versions] == [3, 2]


@pytest.mark.parametrize(
    ("statuses", "other", "message"),
    [
        (["ok"] * 3 + ["unavailable"] * 2, {}, r"2 of the first 5 requests .* version 2 failed \(unavailable\)"),
        (["ok"] * 5, {"seconds": 9.0}, r"version 2 has a p95 latency of 9\.0 s"),
    ],
)
def test_failed_or_slow_requests_roll_the_traffic_back(
    simulate_requests: Any, statuses: list[str], other: Any, message: str
) -> None:
    ramp_traffic(make_version(1), PLAN)
    simulate_requests(2, *statuses, **other)
    with pytest.raises(WeaverError, match=message):
        ramp_traffic(make_version(2), PLAN)
    route = read_route(NAME)
    assert (route.champion, route.shares, [version.version for version in route.versions]) == (1, {1: 1.0}, [1])


@pytest.mark.parametrize(("version", "other"), [(1, {}), (2, {"shadow_of": "r0"})], ids=["previous version", "shadow"])
def test_requests_of_other_versions_and_shadow_requests_are_not_counted(
    simulate_requests: Any, version: int, other: dict[str, str]
) -> None:
    ramp_traffic(make_version(1), PLAN)
    simulate_requests(version, *["unavailable"] * 9, **other)
    ramp_traffic(make_version(2), PLAN)
    assert read_route(NAME).champion == 2


def test_after_a_rollback_the_other_version_leaves_the_route(simulate_requests: Any) -> None:
    ramp_traffic(make_version(2), PLAN)
    ramp_traffic(make_version(1), PLAN, keep_previous=False)
    assert [version.version for version in read_route(NAME).versions] == [1]


def test_a_ramp_that_was_killed_begins_again(simulate_requests: Any) -> None:
    ramp_traffic(make_version(1), PLAN)
    traffic_ramp.write_shares(
        {make_version(2): 0.5, make_version(1): 0.5}, champion=make_version(1)
    )  # killed after the second step
    ramp_traffic(make_version(2), PLAN)
    assert (read_route(NAME).champion, read_route(NAME).shares) == (2, {2: 1.0})


def test_a_champion_that_is_loaded_again_keeps_its_traffic_and_the_previous_version(simulate_requests: Any) -> None:
    ramp_traffic(make_version(1), PLAN)
    ramp_traffic(make_version(2), PLAN)
    moved = make_version(2).model_copy(
        update={"endpoints": (Endpoint(backend="triton", address="grpc://x:1", model="m"),)}
    )
    ramp_traffic(moved, PLAN)
    route = read_route(NAME)
    assert route.find_version(2).endpoints == moved.endpoints
    assert (route.shares, [version.version for version in route.versions]) == ({2: 1.0}, [2, 1])
