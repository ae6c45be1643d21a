"""Authentication, permissions and rate limits."""

import stat

import httpx
import openai
import pytest

from pipelines.core.errors import WeaverError
from pipelines.gateway import api_keys
from pipelines.gateway.app import create_app
from pipelines.gateway.endpoints import router

from .conftest import TEMPLATE, Gateway, until


def create_key(gateway: Gateway, name: str, models: tuple[str, ...] = (), rate: str = "") -> str:
    """The secret of a new key, once the gateway knows it."""
    _, secret = api_keys.create_key(name, list(models), rate)
    until(lambda: gateway.get("/v1/models", secret).status_code != 401)
    return secret


def test_an_invalid_key_is_rejected(gateway: Gateway) -> None:
    for wrong in ("wrong", gateway.key[:-1], gateway.key + "x", "ä"):
        assert gateway.get("/v1/models", wrong.encode()).status_code == 401  # type: ignore[arg-type]
    with pytest.raises(openai.AuthenticationError, match="unknown"):
        gateway.ask("Hello.", key="nw-nobody")


ROUTES = [(method, route.path) for route in router.routes for method in sorted(route.methods)]


def test_only_health_and_readiness_are_open_without_a_key(gateway: Gateway) -> None:
    """Every route of the application, also those that the OpenAPI document does not list."""
    assert len(ROUTES) == 10 and {route.path for route in create_app().routes} == {path for _, path in ROUTES}
    responses = {}
    for method, path in ROUTES:
        responses[path] = response = httpx.request(method, gateway.url + path.format(model="x", template="x"))
        if response.status_code == 401:
            assert response.json()["error"]["code"] == "missing_api_key"
    assert {path for path, response in responses.items() if response.status_code != 401} == {"/healthz", "/readyz"}


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_documentation_opens_in_a_browser_with_a_key_as_the_password(gateway: Gateway, path: str) -> None:
    rejected = httpx.get(gateway.url + path)
    assert rejected.headers["www-authenticate"].startswith("Basic ")
    assert "the API key as the password" in rejected.json()["error"]["message"]
    assert httpx.get(gateway.url + path, auth=("anybody", "wrong")).status_code == 401
    assert "chat/completions" in httpx.get(gateway.url + path, auth=("anybody", gateway.key)).text
    assert "chat/completions" in gateway.get(path).text


def test_a_key_is_stored_as_a_hash_only(gateway: Gateway) -> None:
    secret = gateway.json("key", "add", "crm")["key"]
    until(lambda: gateway.get("/v1/models", secret).status_code == 200)
    assert len(secret) > 43
    file = gateway.home / "weaver.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for written in (file, file.with_name("weaver.db-wal"), gateway.log_file):
        assert secret.encode() not in written.read_bytes() and gateway.key.encode() not in written.read_bytes()
    (listed,) = [key for key in gateway.json("key", "list") if key["name"] == "crm"]
    assert secret not in str(listed) and "sha256" not in listed and listed["rate"] == "60/minute"


def test_a_revoked_key_is_rejected_within_a_second(gateway: Gateway) -> None:
    secret = create_key(gateway, "former")
    assert gateway.ask("Hello.", key=secret).model == f"{TEMPLATE}-v3"
    api_keys.revoke_key("former")
    until(lambda: gateway.get("/v1/models", secret).status_code == 401, 1)


def test_a_limited_key_may_use_only_its_models(gateway: Gateway) -> None:
    parts = create_key(gateway, "parts", ("parts_inventory",))
    with pytest.raises(openai.PermissionDeniedError):
        gateway.ask("Hello.", key=parts)
    assert gateway.client(parts).models.list().data == []
    assert gateway.get("/metrics", parts).status_code == 403
    service = create_key(gateway, "service", (TEMPLATE,))
    assert gateway.ask("Hello.", model="dealership_operations-v3", key=service).model == "dealership_operations-v3"


def test_a_key_over_its_rate_limit_gets_retry_after(gateway: Gateway) -> None:
    secret = create_key(gateway, "busy", rate="3/hour")
    with pytest.raises(openai.RateLimitError) as refused:
        for _ in range(4):
            gateway.client(secret).models.list()
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 3600


def test_invalid_keys_and_names_are_errors(gateway: Gateway) -> None:
    with pytest.raises(WeaverError, match="60/minute"):
        api_keys.create_key("odd", [], "often")
    with pytest.raises(WeaverError, match="no API key 'nobody'"):
        api_keys.revoke_key("nobody")
    assert (
        "did you mean 'dealership_operations'"
        in gateway.weaver("key", "add", "odd", "--models", "dealership_operation").stderr
    )
