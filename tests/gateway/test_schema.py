"""Whatever is sent, the response matches the published OpenAPI document."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from .conftest import TEMPLATE, Gateway


def fuzz(gateway: Gateway, examples: int) -> None:
    """Send every operation valid and invalid requests, and check the responses against the schema."""
    schema = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json", headers=authorization(gateway))
    for operation in (result.ok() for result in schema.get_all_operations()):
        takes = operation.body or operation.path_parameters
        for mode in GenerationMode if takes else [GenerationMode.POSITIVE]:

            @settings(
                max_examples=examples,
                deadline=None,
                phases=[Phase.generate],
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: schemathesis.Case) -> None:
                send(case, gateway)

            check()


def authorization(gateway: Gateway) -> dict[str, str]:
    return {"Authorization": f"Bearer {gateway.key}"}


def send(case: Any, gateway: Gateway) -> None:
    """Send a request; a valid chat request gets an existing model and a short answer: llama.cpp is not tested here."""
    if case.meta.generation.mode is GenerationMode.POSITIVE and case.path == "/v1/chat/completions":
        messages = [
            *case.body["messages"][:99],
            {"role": "user", "content": "Hello."},
        ]  # the last message must be a user's
        case.body |= {"model": TEMPLATE, "max_tokens": 1, "messages": messages}
    unready = [not_a_server_error] if case.path == "/readyz" else []  # 503 is its documented answer here
    case.call_and_validate(headers=authorization(gateway), excluded_checks=unready, timeout=60)


def test_responses_match_the_published_schema(gateway: Gateway) -> None:
    fuzz(gateway, 5)


@pytest.mark.slow
def test_many_responses_match_the_published_schema(gateway: Gateway) -> None:
    fuzz(gateway, 60)


def test_the_documentation_page_loads_nothing(gateway: Gateway) -> None:
    page = gateway.get("/docs").text
    assert "POST /v1/chat/completions" in page and "max_completion_tokens" in page
    assert "<script" not in page and "<link" not in page and "http://" not in page and "https://" not in page
