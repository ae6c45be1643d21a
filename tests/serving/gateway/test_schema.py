"""The published schema is true: whatever is sent, what comes back is what it says."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from .conftest import TEMPLATE, Gateway

QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate], "derandomize": True}


@pytest.fixture(scope="module")
def schema(gateway: Gateway) -> Any:
    return schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")


lazy = schemathesis.pytest.from_fixture("schema")


def ask(case: schemathesis.Case, gateway: Gateway) -> None:
    """Short answers of a model that is there: what is looked for is in the interface, not in llama.cpp."""
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body["model"] = TEMPLATE
        if isinstance(case.body.get("max_tokens"), int | None):
            case.body["max_tokens"] = 1
    case.call_and_validate(headers={"authorization": f"Bearer {gateway.key}"}, timeout=60)


@lazy.parametrize()
@settings(max_examples=8, **QUICK)
def test_what_comes_back_is_what_the_schema_says(case: schemathesis.Case, gateway: Gateway) -> None:
    ask(case, gateway)


@pytest.mark.slow
@lazy.parametrize()
@settings(max_examples=300, **QUICK)
def test_it_does_so_at_length(case: schemathesis.Case, gateway: Gateway) -> None:
    ask(case, gateway)


def test_the_page_of_the_schema_loads_nothing(gateway: Gateway) -> None:
    page = gateway.get("/docs").text
    assert "POST /v1/chat/completions" in page and "max_completion_tokens" in page
    assert "<script" not in page and "<link" not in page and "http://" not in page and "https://" not in page
