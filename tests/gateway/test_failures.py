"""Whatever dies, and whenever: acknowledged answers are in the log, and clients get an error that is true."""

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import delete

from pipelines import request_log
from pipelines.clients.backends import Model
from pipelines.clients.backends.llama_cpp import LlamaCpp
from pipelines.core import routes, signing
from pipelines.core.database import write_session
from pipelines.core.database.tables import RouteRow
from pipelines.core.plan import Deployment
from pipelines.stack import credentials, supervision

from .conftest import TEMPLATE, Gateway, exchange, route, until
from .engine import MODEL, Engine

LONG = {"max_tokens": 200, "temperature": 1.0, "seed": 7}
NOBODY = Engine(Path("/nonexistent/engine.sock"))  # an address where nothing listens


def test_another_endpoint_is_the_fallback_of_one_that_is_down(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(NOBODY, engine)
    answer = gateway.ask("Hello.", model=name)
    assert answer.model == f"{name}-v3" and exchange(answer.id)["status"] == "ok"
    pieces = list(gateway.ask("Hello.", model=name, stream=True, temperature=1.0))
    assert len(pieces) > 1


def test_without_any_endpoint_the_model_is_unavailable(gateway: Gateway) -> None:
    name = gateway.deploy(NOBODY)
    with pytest.raises(openai.InternalServerError) as error:
        gateway.ask("Hello.", model=name)
    assert error.value.status_code == 503 and error.value.code == "unavailable"
    assert exchange(error.value.response.headers["x-request-id"])["status"] == "unavailable"
    assert "/nonexistent" not in error.value.message


def test_another_version_is_never_a_fallback(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(engine, versions=(3, 4))
    written = routes.read_route(name).model_dump(mode="json")
    written["versions"][0]["endpoints"][0]["address"] = NOBODY.address
    routes.write_route(routes.Route.model_validate(written))
    time.sleep(1)
    with pytest.raises(openai.InternalServerError):
        gateway.ask("Hello.", model=name)
    assert gateway.ask("Hello.", model=f"{name}-v4").model == f"{name}-v4"


def test_without_a_retry_budget_there_is_no_retry(gateway: Gateway, engine: Engine) -> None:
    name = gateway.deploy(NOBODY, engine, serving={"retry_share": 0.0})
    with pytest.raises(openai.InternalServerError):
        gateway.ask("Hello.", model=name)


def test_a_stream_whose_backend_dies_ends_with_an_error(gateway: Gateway, own_engine: Engine, engine: Engine) -> None:
    name = gateway.deploy(own_engine, engine)
    pieces = []
    with pytest.raises(openai.APIError, match="lost in the middle"):
        for piece in gateway.ask("Tell me a long story.", model=name, stream=True, **LONG):
            pieces.append(piece)
            if len(pieces) == 3:
                own_engine.kill()
    logged = exchange(pieces[0].id)
    assert logged["status"] == "stream_interrupted"
    assert logged["answer"].startswith("".join(piece.choices[0].delta.content or "" for piece in pieces))


@pytest.mark.parametrize("end", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
def test_an_answer_whose_backend_dies_or_stalls_is_started_again_on_another(
    gateway: Gateway, own_engine: Engine, engine: Engine, end: signal.Signals
) -> None:
    name = gateway.deploy(own_engine, engine)
    with ThreadPoolExecutor() as pool:
        request = pool.submit(gateway.ask, "Tell me a long story.", model=name, **LONG)
        time.sleep(1)
        assert not request.done()
        own_engine.signal(end)
        answer = request.result()
    own_engine.kill()
    logged = exchange(answer.id)
    assert logged["status"] == "ok" and answer.usage.completion_tokens == logged["completion_tokens"]
    # In the log, what is taken for a person's name is another one.
    given, stored = (re.findall(r"\b[a-z]+\b", text) for text in (answer.choices[0].message.content, logged["answer"]))
    assert given == stored and len(given) > 20


def test_on_sigterm_requests_in_flight_are_finished(own_gateway: Gateway) -> None:
    own_gateway.start()
    with ThreadPoolExecutor(4) as pool:
        requests = [
            pool.submit(own_gateway.ask, f"Tell me story {n}.", **(LONG | {"max_tokens": 30})) for n in range(4)
        ]
        metric = f'neuroweaver_requests_in_flight{{template="{TEMPLATE}"}} 4.0'
        until(lambda: metric in own_gateway.get("/metrics").text)
        own_gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{own_gateway.url}/healthz")
        answers = [request.result() for request in requests]
    own_gateway.process.wait(30)
    assert {exchange(answer.id)["completion_tokens"] for answer in answers} == {30}
    assert list((own_gateway.home / "serving" / "log").rglob("*.parquet"))  # it was flushed


def test_kill_loses_no_acknowledged_answer(own_gateway: Gateway) -> None:
    own_gateway.start()
    acknowledged: list[str] = []

    def ask_on(worker: int) -> None:
        with suppress(openai.APIError):
            for n in range(1000):
                stream = own_gateway.ask(f"Say {n} to {worker}.", stream=worker % 2 == 0, max_tokens=1)
                whole: Any = list(stream)[-1] if worker % 2 == 0 else stream
                acknowledged.append(whole.id)

    with ThreadPoolExecutor(4) as pool:
        requests = [pool.submit(ask_on, worker) for worker in range(4)]
        until(lambda: len(acknowledged) > 20, 60)
        own_gateway.end(signal.SIGKILL)
        for request in requests:
            request.result()
    kept = {row["id"] for row in request_log.read_exchanges().to_pylist() if row["status"] == "ok"}
    assert len(acknowledged) > 20 and set(acknowledged) <= kept
    own_gateway.start()
    assert own_gateway.ask("Hello.").model == f"{TEMPLATE}-v3"


def test_an_answer_that_cannot_be_logged_is_not_returned(own_gateway: Gateway) -> None:
    own_gateway.start()
    log = own_gateway.home / "serving" / "log"
    for file in log.glob("write_ahead_log.sqlite*"):
        file.write_bytes(b"torn" * 1000)
    with pytest.raises(openai.InternalServerError) as error:
        own_gateway.ask("Hello.")
    assert error.value.status_code == 503 and error.value.code == "log_unavailable"


def test_the_gateway_is_ready_when_a_version_is(own_gateway: Gateway) -> None:
    def readiness() -> tuple[int, str]:
        response = httpx.get(f"{own_gateway.url}/readyz")
        return response.status_code, response.json()["status"]

    folder = own_gateway.home / "store" / "v5"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(MODEL.read_bytes())
    signing.sign(folder)
    with write_session("routes") as session:  # nothing has been deployed yet
        session.execute(delete(RouteRow).where(RouteRow.name == TEMPLATE))
    credentials.create_missing()
    supervision.start_supervisord()
    try:
        own_gateway.start()
        until(lambda: readiness() == (503, "no version is deployed"))
        endpoint = LlamaCpp().deploy(Model(TEMPLATE, 5, folder), Deployment(context=512, parallel=1))
        route(TEMPLATE, versions=(5,), endpoints=[endpoint])
        until(lambda: readiness() == (200, "ready"), 60)
        assert own_gateway.ask("Hello.").model == f"{TEMPLATE}-v5"
        LlamaCpp().unload(endpoint.model)
        until(lambda: readiness() == (503, "no deployed version is ready on any backend"))
    finally:
        supervision.stop_all()
