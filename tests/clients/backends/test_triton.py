"""Versions in Triton: side by side, changed under load, and back after any end."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from tritonclient import grpc as official
from tritonclient import http
from tritonclient.utils import InferenceServerException

from pipelines.clients import supervisor
from pipelines.clients.backends import Model
from pipelines.clients.backends.triton import Triton
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings
from pipelines.stack import supervision

from .conftest import ASKED, PLAN, after_leaving, ask, chunks, text


@pytest.fixture(scope="module")
def first(model: Callable[..., Model]) -> Endpoint:
    supervision.start_programs({"triton"})
    until(answering, 60)
    return Triton().deploy(model(1), PLAN)


def answering() -> bool:
    key = {"weaver-key": settings().secret("triton")}
    try:
        return httpx.get(f"{settings().triton_url}/v2/health/ready", headers=key).is_success
    except httpx.HTTPError:
        return False


def until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def stubs() -> dict[str, int]:
    """Version → the process that runs it."""
    return {
        Path(process.cmdline()[1]).parent.name: process.pid
        for process in supervision.find_processes()
        if "backend_stub" in process.name()
    }


def test_an_answer_comes_in_pieces_and_with_its_usage(first: Endpoint) -> None:
    pieces = ask(Triton(), first)
    assert len(pieces) > 5 and len(text(pieces)) > 10
    assert pieces[-1]["usage"]["completion_tokens"] == 12
    assert {piece["model"] for piece in pieces} == {"advisor-v1"}
    assert text(ask(Triton(), first)) == text(pieces)


def test_versions_come_and_go_under_load_and_no_request_fails(model: Callable[..., Model], first: Endpoint) -> None:
    """And the version that stays is not loaded anew."""

    async def loaded() -> list[int]:
        backend, done, before = Triton(), asyncio.Event(), stubs()["1"]

        async def client() -> list[int]:
            answered = []
            while not done.is_set():
                answered.append(len(text(await chunks(backend, first, max_tokens=4))))
            return answered

        clients = [asyncio.create_task(client()) for _ in range(3)]
        second = await asyncio.to_thread(Triton().deploy, model(2), PLAN)
        assert text(await chunks(backend, second))
        assert await asyncio.to_thread(Triton().status) == {"advisor-v1": "ready", "advisor-v2": "ready"}
        await asyncio.to_thread(Triton().unload, "advisor-v2")
        await asyncio.to_thread(Triton().unload, "advisor-v2")
        done.set()
        answered = [length for answers in await asyncio.gather(*clients) for length in answers]
        with pytest.raises(Unavailable):
            await chunks(backend, second)
        await backend.close()
        assert stubs()["1"] == before
        return answered

    answered = asyncio.run(loaded())
    assert len(answered) > 5 and min(answered) > 0
    assert Triton().status() == {"advisor-v1": "ready"}


def test_deployed_twice_is_once(first: Endpoint, room: Path) -> None:
    before = stubs()
    assert Triton().deploy(Model("advisor", 1, room / "store" / "advisor-1"), PLAN) == first
    assert stubs() == before


def test_a_file_that_is_not_a_model_is_an_error_and_other_versions_stay(
    model: Callable[..., Model], first: Endpoint
) -> None:
    with pytest.raises(WeaverError, match="version 3 is at UNAVAILABLE state") as error_info:
        Triton().deploy(model(3, gguf=b"nonsense"), PLAN)
    assert "logs/triton.log" in error_info.value.remedy
    assert Triton().status() == {"advisor-v1": "ready"}


def test_what_is_too_long_is_the_requests_fault(first: Endpoint) -> None:
    with pytest.raises(WeaverError, match="exceeds the available context size") as error_info:
        ask(Triton(), first, messages=[{"role": "user", "content": "oil " * 1000}])
    assert not isinstance(error_info.value, Unavailable)


def test_an_answer_that_takes_too_long_is_given_up(first: Endpoint) -> None:
    with pytest.raises(Unavailable, match="DEADLINE_EXCEEDED"):
        ask(Triton(), first, timeout=0.1, max_tokens=400)


def test_who_stops_reading_stops_the_engine(first: Endpoint) -> None:
    assert asyncio.run(after_leaving(Triton(), first)) < 3


def test_nobody_is_answered_without_the_key(first: Endpoint) -> None:
    for path in ("/v2/health/ready", "/v2/models/advisor", "/v2/models/advisor/versions/1/generate"):
        assert httpx.request("POST" if "generate" in path else "GET", settings().triton_url + path).status_code == 403
    index = f"{settings().triton_url}/v2/repository/index"
    assert httpx.post(index, headers={"weaver-key": settings().secret("triton")}).status_code == 403


def test_the_official_client_is_answered(first: Endpoint) -> None:
    pieces: list[Any] = []
    question = official.InferInput("request", [1], "BYTES")
    question.set_data_from_numpy(np.array([json.dumps(ASKED).encode()], dtype=np.object_))
    key = {"triton-grpc-protocol-weaver-key": settings().secret("triton")}
    with official.InferenceServerClient(f"127.0.0.1:{settings().triton_grpc_port}") as client:
        client.start_stream(lambda result, error: pieces.append(error or result.as_numpy("chunk")), headers=key)
        client.async_stream_infer("advisor", [question], model_version="1")
        client.stop_stream()
    assert json.loads(pieces[0][0])["choices"][0]["message"]["content"] == text(ask(Triton(), first))


def test_the_official_client_is_answered_over_http(first: Endpoint) -> None:
    def chat(request: dict[str, Any]) -> Any:
        question = http.InferInput("request", [1], "BYTES")
        question.set_data_from_numpy(np.array([json.dumps(request).encode()], dtype=np.object_))
        key = {"weaver-key": settings().secret("triton")}
        with http.InferenceServerClient(settings().triton_url.removeprefix("http://")) as client:
            answer = client.infer("chat_completion", [question], headers=key).as_numpy("completion")[0]
        return json.loads(answer)["choices"][0]["message"]["content"]

    assert chat(ASKED | {"model": "advisor-v1"}) == text(ask(Triton(), first))
    for model, words in (("advisor", "not JSON with a `model`"), ("advisor-v9", "not ready")):
        with pytest.raises(InferenceServerException, match=words):
            chat(ASKED | {"model": model})


def test_a_version_whose_process_died_is_loaded_again(first: Endpoint) -> None:
    async def healed() -> str:
        backend = Triton()
        with pytest.raises(Unavailable):
            async with aclosing(backend.stream(first, ASKED | {"max_tokens": 400, "ignore_eos": True}, 2)) as pieces:
                await anext(pieces)
                os.kill(stubs()["1"], signal.SIGKILL)
                async for _ in pieces:
                    pass
        with pytest.raises(Unavailable, match="not healthy"):
            await chunks(backend, first)
        await backend.reloads["advisor-v1"]
        pieces = await chunks(backend, first)
        await backend.close()
        return text(pieces)

    assert asyncio.run(healed())


def test_a_killed_triton_is_back_with_all_that_was_deployed(first: Endpoint) -> None:
    async def send_requests() -> float:
        """One client, connected before: it must find the new Triton."""
        backend = Triton()
        await chunks(backend, first)
        psutil.Process(supervisor.program_states()["triton"]["pid"]).kill()
        began = time.monotonic()
        while True:
            try:
                assert text(await chunks(backend, first))
                await backend.close()
                return time.monotonic() - began
            except Unavailable:
                assert time.monotonic() - began < 60
                await asyncio.sleep(0.1)

    assert asyncio.run(send_requests()) < 40
