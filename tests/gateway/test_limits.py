"""What is refused, in which words, before a backend is troubled."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from .conftest import TEMPLATE, Gateway, exchange, until
from .engine import Engine

ASKED = {"model": TEMPLATE, "messages": [{"role": "user", "content": "Hello."}]}


@pytest.mark.parametrize(
    ("field", "value"),
    [("tools", []), ("n", 2), ("logprobs", True), ("response_format", {"type": "json_object"}), ("functions", [])],
)
def test_what_is_not_honoured_is_refused_by_name(gateway: Gateway, field: str, value: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=field) as refused:
        gateway.ask("Hello.", extra_body={field: value})
    assert refused.value.param == field


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data"}}],
        [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}],
        None,
        7,
    ],
)
def test_anything_but_text_is_refused(gateway: Gateway, content: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=r"messages\.0\.content"):
        gateway.ask("", messages=[{"role": "user", "content": content}])


@pytest.mark.parametrize(
    "changed",
    [
        {"messages": []},
        {"temperature": 3},
        {"temperature": True},
        {"max_tokens": 0},
        {"max_tokens": "8"},
        {"seed": -1},
        {"stop": ["a"] * 5},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user", "content": "\ud800"}]},
    ],
    ids=str,
)
def test_what_cannot_be_is_a_bad_request(gateway: Gateway, changed: dict[str, Any]) -> None:
    refused = gateway.post("/v1/chat/completions", content=json.dumps(ASKED | changed))
    assert refused.status_code == 400 and refused.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":' * 50_000, b'{"temperature":NaN}'])
def test_what_is_not_json_is_a_bad_request(gateway: Gateway, body: bytes) -> None:
    refused = gateway.post("/v1/chat/completions", content=body)
    assert refused.status_code == 400 and refused.json()["error"]["message"]


def test_a_large_body_is_refused_before_it_is_sent(gateway: Gateway) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(f"{head}content-length: 99999999\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_large_body_that_does_not_say_so_is_refused(gateway: Gateway) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        for _ in range(17):
            connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_long_conversation_is_refused(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine, serving={"max_prompt_chars": 20})
    assert gateway.ask("x" * 20, model=name).choices
    with pytest.raises(openai.BadRequestError, match="21 characters") as refused:
        gateway.ask("x" * 21, model=name)
    assert refused.value.code == "context_length_exceeded"


def test_what_the_engine_cannot_read_is_the_client_s_error(gateway: Gateway) -> None:
    with pytest.raises(openai.BadRequestError):
        gateway.ask("word " * 1500)


@pytest.mark.parametrize("model", ["nobody", f"{TEMPLATE}-v9", "../../secrets/gateway", "service_advisor-v", "-v3", ""])
def test_an_unknown_model_is_not_found(gateway: Gateway, model: str) -> None:
    with pytest.raises(openai.NotFoundError):
        gateway.ask("Hello.", model=model)


def test_a_backend_that_hangs_is_given_up(gateway: Gateway, own_engine: Engine) -> None:
    name = gateway.deploy(own_engine, serving={"timeout": 1.5})
    own_engine.signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(openai.InternalServerError) as refused:
        gateway.ask("Hello.", model=name)
    assert refused.value.status_code == 504 and 1 < time.monotonic() - began < 4
    assert exchange(refused.value.response.headers["x-request-id"])["status"] == "timeout"
    own_engine.signal(signal.SIGCONT)


def test_under_pressure_the_rest_are_told_to_come_again(gateway: Gateway, own_engine: Engine) -> None:
    name = gateway.deploy(own_engine, serving={"max_queue": 2, "timeout": 40})
    own_engine.signal(signal.SIGSTOP)

    def ask(n: int) -> Any:
        try:
            return gateway.ask(f"Say {n}.", model=name).id
        except openai.RateLimitError as refused:
            return refused.response.headers["retry-after"]

    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(ask, n) for n in range(9)]
        until(lambda: sum(one.done() for one in asked) == 6)
        own_engine.signal(signal.SIGCONT)
        told = [one.result() for one in asked]
    assert told.count("1") == 6 and sum(one.startswith("chatcmpl-") for one in told) == 3


def test_an_unknown_url_and_method_speak_openai_s_language(gateway: Gateway) -> None:
    assert gateway.get("/v1/nothing").json()["error"]["code"] == "not_found"
    refused = gateway.get("/v1/chat/completions")
    assert refused.status_code == 405 and refused.headers["allow"] == "POST"
