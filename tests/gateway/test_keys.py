"""Who is let in, and how often."""

import stat

import httpx
import openai
import pytest

from pipelines.core.errors import WeaverError
from pipelines.gateway import api_keys

from .conftest import TEMPLATE, Gateway, until


def added(gateway: Gateway, name: str, models: tuple[str, ...] = (), rate: str = "") -> str:
    """The secret of a new key, once the gateway knows it."""
    _, secret = api_keys.add(name, list(models), rate)
    until(lambda: gateway.get("/v1/models", secret).status_code != 401)
    return secret


def test_without_a_key_nothing_is_answered(gateway: Gateway) -> None:
    for wrong in ("wrong", gateway.key[:-1], gateway.key + "x", "ä"):
        assert gateway.get("/v1/models", wrong.encode()).status_code == 401  # type: ignore[arg-type]
    with pytest.raises(openai.AuthenticationError, match="unknown"):
        gateway.ask("Hello.", key="nw-nobody")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/routes/service_advisor", "/metrics"])
def test_every_other_url_wants_one_too(gateway: Gateway, path: str) -> None:
    refused = httpx.get(f"{gateway.url}{path}")
    assert refused.status_code == 401 and refused.json()["error"]["code"] == "missing_api_key"


def test_a_key_is_kept_as_its_hash_only(gateway: Gateway) -> None:
    secret = gateway.json("key", "add", "crm")["key"]
    until(lambda: gateway.get("/v1/models", secret).status_code == 200)
    assert len(secret) > 43
    file = gateway.home / "serving" / "keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for endpoint in (file, gateway.told):
        assert secret not in endpoint.read_text() and gateway.key not in endpoint.read_text()
    (listed,) = [key for key in gateway.json("key", "list") if key["name"] == "crm"]
    assert secret not in str(listed) and "sha256" not in listed and listed["rate"] == "60/minute"


def test_a_revoked_key_opens_nothing_within_a_second(gateway: Gateway) -> None:
    secret = added(gateway, "former")
    assert gateway.ask("Hello.", key=secret).choices
    api_keys.revoke("former")
    until(lambda: gateway.get("/v1/models", secret).status_code == 401, 1)


def test_a_scoped_key_may_ask_only_its_models(gateway: Gateway) -> None:
    parts = added(gateway, "parts", ("parts_inventory",))
    with pytest.raises(openai.PermissionDeniedError):
        gateway.ask("Hello.", key=parts)
    assert gateway.client(parts).models.list().data == []
    assert gateway.get("/metrics", parts).status_code == 403
    service = added(gateway, "service", (TEMPLATE,))
    assert gateway.ask("Hello.", model="service_advisor-v3", key=service).choices


def test_a_key_used_too_often_is_told_when_to_come_again(gateway: Gateway) -> None:
    secret = added(gateway, "busy", rate="3/hour")
    with pytest.raises(openai.RateLimitError) as refused:
        for _ in range(4):
            gateway.client(secret).models.list()
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 3600


def test_a_key_must_be_one_that_can_be(gateway: Gateway) -> None:
    with pytest.raises(WeaverError, match="60/minute"):
        api_keys.add("odd", [], "often")
    with pytest.raises(WeaverError, match="no key 'nobody'"):
        api_keys.revoke("nobody")
    assert "did you mean 'service_advisor'" in gateway.weaver("key", "add", "odd", "--models", "service_adviser").stderr
