"""Versions in llama.cpp: side by side, each for itself, and back after any end."""

import asyncio
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.clients import supervisor
from pipelines.clients.backends import Model
from pipelines.clients.backends.llama_cpp import LlamaCpp
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.routes import Endpoint
from pipelines.stack import supervision

from .conftest import PLAN, after_leaving, ask, chunks, text


@pytest.fixture(scope="module")
def first(model: Callable[..., Model]) -> Endpoint:
    return LlamaCpp().deploy(model(1), PLAN)


def pid(version: str) -> int:
    return int(supervisor.program_states()[f"llama_cpp-{version}"]["pid"])


def until_ready(version: str, seconds: float = 20) -> float:
    began = time.monotonic()
    while LlamaCpp().status().get(version) != "ready":
        assert time.monotonic() - began < seconds, LlamaCpp().status()
        time.sleep(0.05)
    return time.monotonic() - began


def test_an_answer_comes_in_pieces_and_with_its_usage(first: Endpoint) -> None:
    pieces = ask(LlamaCpp(), first)
    assert len(pieces) > 5 and len(text(pieces)) > 10
    assert pieces[-1]["usage"]["completion_tokens"] == 12
    assert {piece["model"] for piece in pieces} == {"advisor-v1"}
    assert text(ask(LlamaCpp(), first)) == text(pieces)


def test_only_its_owner_may_ask(first: Endpoint) -> None:
    socket = Path(first.address.removeprefix("unix:"))
    assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0


def test_deployed_twice_is_once(model: Callable[..., Model], first: Endpoint, room: Path) -> None:
    before = pid("advisor-v1")
    assert LlamaCpp().deploy(Model("advisor", 1, room / "store" / "advisor-1"), PLAN) == first
    assert pid("advisor-v1") == before


def test_versions_answer_side_by_side_until_one_is_unloaded(model: Callable[..., Model], first: Endpoint) -> None:
    backend = LlamaCpp()
    second = backend.deploy(model(2), PLAN)
    assert backend.status() == {"advisor-v1": "ready", "advisor-v2": "ready"}
    assert text(ask(backend, second)) == text(ask(backend, first))
    backend.unload("advisor-v2")
    backend.unload("advisor-v2")
    assert backend.status() == {"advisor-v1": "ready"}
    with pytest.raises(Unavailable, match=r"advisor-v2\.sock"):
        ask(backend, second)


def test_a_killed_one_is_back_within_seconds(first: Endpoint) -> None:
    os.kill(pid("advisor-v1"), signal.SIGKILL)
    with pytest.raises(Unavailable):
        ask(LlamaCpp(), first)
    assert until_ready("advisor-v1") < 10
    assert text(ask(LlamaCpp(), first))


def test_all_that_is_deployed_comes_back_with_the_servers(first: Endpoint) -> None:
    supervision.stop_all()
    assert LlamaCpp().status() == {}
    supervision.start_supervisord()
    until_ready("advisor-v1")
    assert text(ask(LlamaCpp(), first))


def test_a_file_that_is_not_a_model_is_named_in_the_error(model: Callable[..., Model], first: Endpoint) -> None:
    with pytest.raises(WeaverError, match=r"cannot load advisor-v3:\n(.*\n)*.*invalid magic") as error_info:
        LlamaCpp().deploy(model(3, gguf=b"nonsense"), PLAN)
    assert "logs/llama_cpp-advisor-v3.log" in error_info.value.remedy
    assert LlamaCpp().status() == {"advisor-v1": "ready"}


def test_a_model_that_was_changed_since_it_was_signed_is_not_loaded(model: Callable[..., Model]) -> None:
    changed = model(4, gguf=b"nonsense")
    (changed.folder / "model.gguf").write_bytes(b"Nonsense")
    with pytest.raises(WeaverError, match=r"does not match its signature.*changed: model.gguf"):
        LlamaCpp().deploy(changed, PLAN)
    assert "advisor-v4" not in LlamaCpp().status()


def test_what_is_too_long_is_the_requests_fault(first: Endpoint) -> None:
    with pytest.raises(WeaverError, match="exceeds the available context size") as error_info:
        ask(LlamaCpp(), first, messages=[{"role": "user", "content": "oil " * 1000}])
    assert not isinstance(error_info.value, Unavailable)


def test_an_answer_that_takes_too_long_is_given_up(first: Endpoint) -> None:
    with pytest.raises(Unavailable, match=r"within 0.1 s"):
        ask(LlamaCpp(), first, timeout=0.1, max_tokens=400)


def test_who_stops_reading_stops_the_engine(first: Endpoint) -> None:
    assert asyncio.run(after_leaving(LlamaCpp(), first)) < 3


def test_the_answers_in_flight_are_finished_before_a_version_ends(model: Callable[..., Model], first: Endpoint) -> None:
    async def unloaded() -> int:
        backend = LlamaCpp()
        endpoint = await asyncio.to_thread(backend.deploy, model(5), PLAN)
        answer = asyncio.create_task(chunks(backend, endpoint, max_tokens=60, ignore_eos=True))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(backend.unload, "advisor-v5")
        tokens = (await answer)[-1]["usage"]["completion_tokens"]
        await backend.close()
        return int(tokens)

    assert asyncio.run(unloaded()) == 60
