"""Every request is a trace in MLflow, with its texts protected; without MLflow nothing is slower."""

import time
from typing import Any

import pytest

from ..servers import SecuredServer, Server
from .conftest import TEMPLATE, Gateway, until


@pytest.fixture
def traced(own_gateway: Gateway, server: Server) -> Gateway:
    own_gateway.environment["WEAVER_TRACKING_URI"] = server.url
    return own_gateway


def test_a_request_is_a_trace_with_inputs_and_outputs(traced: Gateway, server: Server) -> None:
    import mlflow

    traced.start()
    answer = traced.ask("My name is Jane Doe, 313-555-0134. What does P0420 mean?", max_tokens=5)
    mlflow.set_tracking_uri(server.url)

    def arrived() -> list[Any]:
        experiment = mlflow.get_experiment_by_name(TEMPLATE)
        if not experiment:
            return []
        traces = mlflow.search_traces(locations=[experiment.experiment_id], return_type="list")
        return [trace for trace in traces if answer.id in str(trace.data.spans[0].attributes)]

    (trace,) = until(arrived, 60)
    (span,) = trace.data.spans
    assert "P0420" in str(span.inputs) and answer.choices[0].message.content in str(span.outputs)
    assert "313-555-0134" not in str(trace.to_dict())
    assert span.attributes["gen_ai.response.model"] == "dealership_operations-v3"
    assert trace.info.token_usage["output_tokens"] == 5


def test_a_server_with_tls_and_a_password_gets_traces_too(
    own_gateway: Gateway, secured_server: SecuredServer, mlflow_account: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    own_gateway.environment |= secured_server.client_environment()
    own_gateway.start()
    assert own_gateway.ask("What does P0420 mean?", max_tokens=5).choices
    client = MlflowClient(secured_server.url)
    experiment = until(lambda: client.get_experiment_by_name(TEMPLATE), 60)
    until(lambda: client.search_traces(locations=[experiment.experiment_id]), 60)


def test_a_refused_sign_in_is_logged_once_with_a_remedy(own_gateway: Gateway, secured_server: SecuredServer) -> None:
    own_gateway.environment |= secured_server.client_environment() | {"MLFLOW_TRACKING_PASSWORD": "wrong"}
    own_gateway.start()
    for n in range(3):
        assert own_gateway.ask(f"Say {n}.", max_tokens=1).choices
        time.sleep(1.5)
    until(lambda: "status 401" in own_gateway.log_file.read_text())
    log = own_gateway.log_file.read_text()
    assert log.count("traces are not written") == 1 and "MLFLOW_TRACKING_PASSWORD" in log


def test_without_mlflow_requests_are_answered_and_it_is_logged_once(own_gateway: Gateway) -> None:
    own_gateway.environment["WEAVER_TRACKING_URI"] = "http://127.0.0.1:9"
    own_gateway.start()
    for n in range(3):
        assert own_gateway.ask(f"Say {n}.", max_tokens=1).choices
        time.sleep(1.5)
    until(lambda: "traces are not written" in own_gateway.log_file.read_text())
    assert own_gateway.log_file.read_text().count("traces are") == 1
    began = time.monotonic()
    own_gateway.end()
    assert time.monotonic() - began < 15
