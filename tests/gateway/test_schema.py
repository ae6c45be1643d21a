"""The published schema is true: whatever is sent, what comes back is what it says."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from .conftest import TEMPLATE, Gateway


def fuzz(gateway: Gateway, examples: int) -> None:
    """Send every operation what its schema allows, and what it does not; hold the responses to the schema."""
    schema = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")
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
            def holds(case: schemathesis.Case) -> None:
                ask(case, gateway)

            holds()


def ask(case: Any, gateway: Gateway) -> None:
    """A request that is allowed gets a short answer of a model that is there: llama.cpp is not what is tried here."""
    if case.meta.generation.mode is GenerationMode.POSITIVE and case.path == "/v1/chat/completions":
        asked = [*case.body["messages"][:99], {"role": "user", "content": "Hello."}]  # it answers nobody but a user
        case.body |= {"model": TEMPLATE, "max_tokens": 1, "messages": asked}
    unready = [not_a_server_error] if case.path == "/readyz" else []  # 503 is its documented answer here
    signed_in = {"Authorization": f"Bearer {gateway.key}"}
    case.call_and_validate(headers=signed_in, excluded_checks=unready, timeout=60)


def test_what_comes_back_is_what_the_schema_says(gateway: Gateway) -> None:
    fuzz(gateway, 5)


@pytest.mark.slow
def test_it_does_so_at_length(gateway: Gateway) -> None:
    fuzz(gateway, 60)


def test_the_page_of_the_schema_loads_nothing(gateway: Gateway) -> None:
    page = gateway.get("/docs").text
    assert "POST /v1/chat/completions" in page and "max_completion_tokens" in page
    assert "<script" not in page and "<link" not in page and "http://" not in page and "https://" not in page
