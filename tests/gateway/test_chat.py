"""What a client of OpenAI's API gets, and what the request log has of it."""

import asyncio
import json
import time
from typing import Any

import openai
import pytest

from pipelines.core.database import write_session
from pipelines.core.database.tables import RouteRow

from .conftest import TEMPLATE, Gateway, exchange, route, shadows_of, until
from .engine import Engine

LONG = {"max_tokens": 200, "temperature": 1.0, "seed": 7}  # sampled: it does not come from the cache


def test_an_answer_names_its_version_and_is_logged(gateway: Gateway) -> None:
    raw = gateway.client().chat.completions.with_raw_response.create(
        model=TEMPLATE,
        messages=[{"role": "user", "content": "My name is Jane Doe, 313-555-0134. What does P0420 mean?"}],
        max_tokens=5,
        user="jane",
    )
    answer = raw.parse()
    assert answer.model == "dealership_operations-v3"
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 5
    assert raw.headers["x-weaver-route"].startswith("dealership_operations-v3@llama_cpp; ")
    assert raw.headers["x-request-id"] == answer.id
    logged = exchange(answer.id)
    assert logged["answer"] == answer.choices[0].message.content != ""
    assert (logged["status"], logged["version"], logged["backend"]) == ("ok", 3, "llama_cpp")
    assert (logged["key"], logged["completion_tokens"]) == ("local", 5)
    assert "313-555-0134" not in logged["messages"] and "Doe" not in logged["messages"]
    assert "jane" not in logged["user"] and len(logged["user"]) == 16
    assert 0 < logged["first_token_s"] <= logged["latency_s"] < 60 and logged["cost"] > 0


def test_the_pieces_of_a_stream_are_the_answer(gateway: Gateway) -> None:
    whole = gateway.ask("What is a catalytic converter?")
    chunks = list(
        gateway.ask("What is a catalytic converter?", stream=True, stream_options={"include_usage": True}, max_tokens=8)
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage and not chunks[-1].choices
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == whole.choices[0].finish_reason
    assert {c.model for c in chunks} == {"dealership_operations-v3"} and len({c.id for c in chunks}) == 1


def test_a_stream_is_sent_while_it_is_generated(gateway: Gateway) -> None:
    began, times = time.monotonic(), []
    for _ in gateway.ask("Tell me a long story about a car.", stream=True, **(LONG | {"max_tokens": 40})):
        times.append(time.monotonic() - began)
    assert times[0] < times[-1] / 2


def test_concurrent_requests_get_their_own_answers(gateway: Gateway) -> None:
    async def ask_all() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
            requests = (
                client.chat.completions.create(
                    model="dealership_operations-v3", messages=[{"role": "user", "content": f"Say {n}."}], max_tokens=4
                )
                for n in range(12)
            )
            return await asyncio.gather(*requests)

    answers = asyncio.run(ask_all())
    logged = [exchange(answer.id) for answer in answers]
    assert [json.loads(row["messages"])[0]["content"] for row in logged] == [f"Say {n}." for n in range(12)]


def test_the_system_prompt_is_the_version_s_unless_the_client_has_one(gateway: Gateway) -> None:
    without = gateway.ask("Hello.").usage.prompt_tokens
    own = [{"role": "system", "content": "You are a service advisor."}, {"role": "user", "content": "Hello."}]
    longer = [{"role": "developer", "content": "You are a service advisor. " * 5}, own[1]]
    assert gateway.ask("", messages=own).usage.prompt_tokens == without
    assert gateway.ask("", messages=longer).usage.prompt_tokens > without


def test_text_parts_are_one_text(gateway: Gateway) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]}]
    assert gateway.ask("", messages=parts).usage.prompt_tokens == gateway.ask("Hello.").usage.prompt_tokens


def test_more_tokens_than_the_template_allows_are_not_generated(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine, serving={"max_new_tokens": 3})
    assert gateway.ask("Tell me a story.", model=name, max_tokens=50).usage.completion_tokens == 3


def test_a_repeated_question_is_answered_from_the_cache(gateway: Gateway) -> None:
    first = gateway.ask("What is an oxygen sensor?", max_tokens=6)

    def again() -> Any:
        raw = gateway.client().chat.completions.with_raw_response.create(
            model=TEMPLATE, messages=[{"role": "user", "content": "What is an oxygen sensor?"}], max_tokens=6
        )
        return raw if "@cache" in raw.headers["x-weaver-route"] else None

    cached = until(again).parse()
    assert cached.choices[0].message.content == first.choices[0].message.content
    assert exchange(cached.id)["cached"] == "exact"


def test_a_client_that_disconnects_stops_the_generation(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine)
    stream = gateway.ask("Tell me a long story.", model=name, stream=True, **LONG)
    id = next(iter(stream)).id
    stream.close()
    logged = exchange(id)
    assert logged["status"] == "cancelled" and logged["latency_s"] < 5
    until(lambda: f'neuroweaver_requests_in_flight{{template="{name}"}} 0.0' in gateway.get("/metrics").text)


def test_a_client_that_disconnects_before_the_answer_stops_it_too(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine)
    with pytest.raises(openai.APITimeoutError):
        gateway.ask("Tell me a long story.", model=name, timeout=0.3, **LONG)
    counted = f'backend="llama_cpp",cached="",status="cancelled",template="{name}"'
    until(lambda: counted in gateway.get("/metrics").text)


def test_a_changed_route_is_followed_within_a_second(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine)
    assert gateway.ask("Hello.", model=name).model == f"{name}-v3"
    route(name, engine, versions=(3, 4), shares={3: 0.0, 4: 1.0})
    time.sleep(1)
    assert gateway.ask("Hello.", model=name).model == f"{name}-v4"
    assert gateway.ask("Hello.", model=f"{name}-v3").model == f"{name}-v3"


def test_an_unreadable_route_leaves_the_old_one_in_force(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine)
    with write_session("routes") as session:
        session.merge(RouteRow(name=name, champion=3, document={"name": ""}))
    time.sleep(1)
    assert gateway.ask("Hello.", model=name).model == f"{name}-v3"


def test_a_shadow_version_gets_a_copy_and_no_client_sees_its_answer(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine, versions=(3, 4), shadow={4: 1.0})
    answer = gateway.ask("What is a fuse?", model=name)
    assert answer.model == f"{name}-v3"
    (shadow,) = until(lambda: shadows_of(answer.id))
    assert (shadow["version"], shadow["status"], shadow["route"]) == (4, "ok", shadow["route"])
    assert shadow["route"].startswith(f"{name}-v4@llama_cpp") and shadow["completion_tokens"] > 0


def test_feedback_is_stored_with_its_answer(gateway: Gateway) -> None:
    from pipelines import request_log

    answer = gateway.ask("Hello there.")
    feedback = {"id": answer.id, "thumb": "down", "correction": "Call me at 313-555-0134."}
    assert gateway.post("/v1/feedback", json=feedback, timeout=60).status_code == 200  # Presidio is loaded first
    (stored,) = [row for row in request_log.read_feedback().to_pylist() if row["id"] == answer.id]
    assert stored["thumb"] == "down" and "313-555-0134" not in stored["correction"] and stored["key"] == "local"
    colleague = {"id": answer.id, "thumb": "up", "user": "the colleague at the next desk"}
    assert gateway.post("/v1/feedback", json=colleague).status_code == 200
    both = [row for row in request_log.read_feedback().to_pylist() if row["id"] == answer.id]
    assert {(row["thumb"], bool(row["user"])) for row in both} == {("down", False), ("up", True)}
    assert "desk" not in str(both), "a user is logged as a pseudonym"
    refused = gateway.post("/v1/feedback", json={"id": "chatcmpl-nobody", "thumb": "up"})
    assert refused.status_code == 404 and refused.json()["error"]["code"] == "completion_not_found"


def test_the_statistics_behind_a_route_can_be_read(gateway: Gateway) -> None:
    gateway.ask("Hello.")
    response = gateway.get(f"/v1/routes/{TEMPLATE}").json()
    assert response["champion"] == 3 and response["shares"] == {"3": 1.0}
    (endpoint,) = response["endpoints"]
    assert (endpoint["version"], endpoint["backend"], endpoint["circuit"]) == (3, "llama_cpp", "closed")
    assert endpoint["requests"] >= 1


def test_models_are_listed_as_openai_does(gateway: Gateway) -> None:
    models = {model.id for model in gateway.client().models.list()}
    assert {TEMPLATE, f"{TEMPLATE}-v3"} <= models
    assert gateway.client().models.retrieve(TEMPLATE).id == TEMPLATE
    with pytest.raises(openai.NotFoundError):
        gateway.client().models.retrieve("../../../secrets/gateway")
