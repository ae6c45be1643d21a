"""The published schema is true: whatever is sent, what comes back is what it says."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

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
    """Short answers of a model that is there: what is looked for is in the interface, not in llama.cpp."""
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body["model"] = TEMPLATE
        if isinstance(case.body.get("max_tokens"), int | None):
            case.body["max_tokens"] = 1
    case.call_and_validate(headers={"Authorization": f"Bearer {gateway.key}"}, timeout=60)


def test_what_comes_back_is_what_the_schema_says(gateway: Gateway) -> None:
    fuzz(gateway, 8)


@pytest.mark.slow
def test_it_does_so_at_length(gateway: Gateway) -> None:
    fuzz(gateway, 200)


def test_the_page_of_the_schema_loads_nothing(gateway: Gateway) -> None:
    page = gateway.get("/docs").text
    assert "POST /v1/chat/completions" in page and "max_completion_tokens" in page
    assert "<script" not in page and "<link" not in page and "http://" not in page and "https://" not in page
