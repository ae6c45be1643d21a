"""Requests that end with an error before a backend is asked."""

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

BODY = {"model": TEMPLATE, "messages": [{"role": "user", "content": "Hello."}]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tools", [{"type": "function", "function": {"name": "book"}}]),
        ("n", 2),
        ("logprobs", True),
        ("response_format", {"type": "json_object"}),
        ("functions", [{"name": "book"}]),
    ],
)
def test_an_unsupported_parameter_is_an_error_that_names_it(gateway: Gateway, field: str, value: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=field) as error:
        gateway.ask("Hello.", extra_body={field: value})
    assert error.value.param == field


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data"}}],
        [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}],
        None,
        7,
    ],
)
def test_content_other_than_text_is_an_error(gateway: Gateway, content: Any) -> None:
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
def test_an_invalid_value_is_a_bad_request(gateway: Gateway, changed: dict[str, Any]) -> None:
    error = gateway.post("/v1/chat/completions", content=json.dumps(BODY | changed))
    assert error.status_code == 400 and error.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":' * 50_000, b'{"temperature":NaN}'])
def test_an_invalid_body_is_a_bad_request(gateway: Gateway, body: bytes) -> None:
    error = gateway.post("/v1/chat/completions", content=body)
    assert error.status_code == 400 and error.json()["error"]["code"] in ("invalid_json", "invalid_value")


def test_a_large_body_is_rejected_by_its_header(gateway: Gateway) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(f"{head}content-length: 99999999\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_large_body_without_a_length_is_rejected(gateway: Gateway) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        for _ in range(17):
            connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_long_conversation_is_an_error(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine, serving={"max_prompt_chars": 20})
    assert gateway.ask("x" * 20, model=name).model == f"{name}-v3"
    with pytest.raises(openai.BadRequestError, match="21 characters") as error:
        gateway.ask("x" * 21, model=name)
    assert error.value.code == "context_length_exceeded"


def test_a_prompt_longer_than_the_context_is_a_bad_request(gateway: Gateway) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        gateway.ask("word " * 1500)
    assert error.value.code == "context_length_exceeded"


@pytest.mark.parametrize("model", ["nobody", f"{TEMPLATE}-v9", "../../secrets/gateway", f"{TEMPLATE}-v", "-v3", ""])
def test_an_unknown_model_is_not_found(gateway: Gateway, model: str) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        gateway.ask("Hello.", model=model)
    assert error.value.code == "model_not_found"


def test_a_backend_that_hangs_ends_in_a_timeout(gateway: Gateway, own_engine: Engine) -> None:
    name = gateway.deploy(own_engine, serving={"timeout": 1.5})
    own_engine.signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(openai.InternalServerError) as error:
        gateway.ask("Hello.", model=name)
    assert error.value.status_code == 504 and 1 < time.monotonic() - began < 4
    assert exchange(error.value.response.headers["x-request-id"])["status"] == "timeout"
    own_engine.signal(signal.SIGCONT)


def test_above_max_queue_requests_get_429_with_retry_after(gateway: Gateway, own_engine: Engine) -> None:
    name = gateway.deploy(own_engine, serving={"max_queue": 2, "timeout": 40})
    own_engine.signal(signal.SIGSTOP)

    def ask(n: int) -> Any:
        try:
            return gateway.ask(f"Say {n}.", model=name).id
        except openai.RateLimitError as error:
            return error.response.headers["retry-after"]

    with ThreadPoolExecutor(9) as pool:
        requests = [pool.submit(ask, n) for n in range(9)]
        until(lambda: sum(request.done() for request in requests) == 6)
        own_engine.signal(signal.SIGCONT)
        results = [request.result() for request in requests]
    assert results.count("1") == 6 and sum(result.startswith("chatcmpl-") for result in results) == 3


def test_an_unknown_url_or_method_is_an_openai_error(gateway: Gateway) -> None:
    assert gateway.get("/v1/nothing").json()["error"]["code"] == "not_found"
    error = gateway.get("/v1/chat/completions")
    assert error.status_code == 405 and error.headers["allow"] == "POST"
