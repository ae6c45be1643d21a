"""Traffic goes to a new version step by step, and comes back when its requests fail or take too long."""

import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint, ServedVersion, read_route, route_file
from pipelines.request_log import Exchange, RequestLog, folder
from pipelines.serving import traffic_ramp as shifting
from pipelines.serving.traffic_ramp import shift

NAME = "service_advisor"
PLAN = Deployment(shift=[0.05, 0.5, 1.0], shift_seconds=0.2, max_errors=0.1, max_seconds=2)


def served(version: int) -> ServedVersion:
    place = Endpoint(backend="llama_cpp", endpoint=f"unix:/nowhere/{version}", model=f"{NAME}-v{version}")
    asked = {"system_prompt": "You advise.", "max_new_tokens": 8}
    return ServedVersion(name=NAME, version=version, digest=f"{version}" * 64, places=(place,), **asked)


@pytest.fixture
def happens(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`happens(2, "ok", …)`: what becomes of the requests to version 2 while a step of the shift is watched."""
    log, number = RequestLog(folder()), iter(range(1000))

    def write(version: int, *statuses: str, seconds: float = 0.1, **other: Any) -> None:
        for status in statuses:
            known = {"template": NAME, "backend": "llama_cpp", "route": "", "key": "k", "user": "", "messages": "[]"}
            counts = {"prompt_tokens": 9, "completion_tokens": 9, "queue_s": 0, "first_token_s": 0, "cost": 0}
            told = {"answer": "", "cached": "", "id": f"r{next(number)}", "at": time.time()} | known | counts
            log.write(Exchange(**told | {"version": version, "status": status, "latency_s": seconds} | other))

    def during(version: int, *statuses: str, **other: Any) -> None:
        send = shifting.send

        def sent(shares: dict[ServedVersion, float], *args: Any, **options: Any) -> None:
            send(shares, *args, **options)
            steps.append({one.version: share for one, share in shares.items() if share})
            if len(shares) > 1:
                time.sleep(0.01)
                write(version, *statuses, **other)

        steps: list[dict[int, float]] = []
        monkeypatch.setattr(shifting, "send", sent)
        return steps

    yield during
    log.close()


def test_the_first_version_gets_everything_at_once(home: Path) -> None:
    shift(served(1), PLAN)
    assert (read_route(NAME).champion, read_route(NAME).shares) == (1, {1: 1.0})


def test_the_shares_go_up_step_by_step_and_the_version_before_stays_ready(happens: Any) -> None:
    shift(served(1), PLAN)
    steps = happens(2, *["ok"] * 20)
    shift(served(2), PLAN)
    assert steps == [{2: 0.05, 1: 0.95}, {2: 0.5, 1: 0.5}, {2: 1.0}]
    found = read_route(NAME)
    assert (found.champion, found.shares, [one.version for one in found.served]) == (2, {2: 1.0}, [2, 1])
    shift(served(3), PLAN)
    assert [one.version for one in read_route(NAME).served] == [3, 2]


@pytest.mark.parametrize(
    ("statuses", "other", "told"),
    [
        (["ok"] * 3 + ["unavailable"] * 2, {}, r"2 of the first 5 requests .* version 2 failed \(unavailable\)"),
        (["ok"] * 5, {"seconds": 9.0}, r"version 2 takes 9\.0 s"),
    ],
)
def test_what_goes_wrong_sends_the_traffic_back(happens: Any, statuses: list[str], other: Any, told: str) -> None:
    shift(served(1), PLAN)
    happens(2, *statuses, **other)
    with pytest.raises(WeaverError, match=told):
        shift(served(2), PLAN)
    found = read_route(NAME)
    assert (found.champion, found.shares, [one.version for one in found.served]) == (1, {1: 1.0}, [1])


@pytest.mark.parametrize(
    ("version", "other"), [(1, {}), (2, {"shadow_of": "r0"})], ids=["the version before", "in shadow"]
)
def test_requests_that_are_not_the_new_versions_do_not_count_against_it(
    happens: Any, version: int, other: dict[str, str]
) -> None:
    shift(served(1), PLAN)
    happens(version, *["unavailable"] * 9, **other)
    shift(served(2), PLAN)
    assert read_route(NAME).champion == 2


def test_after_a_rollback_the_version_before_is_not_kept(happens: Any) -> None:
    shift(served(2), PLAN)
    shift(served(1), PLAN, keep=False)
    assert [one.version for one in read_route(NAME).served] == [1]


def test_a_shift_that_was_killed_begins_again(happens: Any) -> None:
    shift(served(1), PLAN)
    shifting.send({served(2): 0.5, served(1): 0.5}, champion=served(1))  # and then the power went
    shift(served(2), PLAN)
    assert (read_route(NAME).champion, read_route(NAME).shares) == (2, {2: 1.0})


def test_a_champion_that_is_loaded_anew_keeps_its_traffic_and_its_way_back(happens: Any) -> None:
    shift(served(1), PLAN)
    shift(served(2), PLAN)
    moved = served(2).model_copy(update={"places": (Endpoint(backend="triton", endpoint="grpc://x:1", model="m"),)})
    shift(moved, PLAN)
    found = read_route(NAME)
    assert found.version(2).places == moved.places
    assert (found.shares, [one.version for one in found.served]) == ({2: 1.0}, [2, 1])
    assert route_file(NAME).exists()
