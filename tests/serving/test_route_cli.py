"""`weaver route` shows what the deploy stage wrote, and says where the gateway does not run."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.routes import write_route
from pipelines.core.settings import settings

from ..gateway.test_routing import route
from ..ports import free_port


def weaver(*verb: str) -> str:
    return CliRunner().invoke(app, verb, catch_exceptions=False).output


def test_a_route_is_shown_as_it_was_written(home: Path) -> None:
    written = route({3: 0.95, 4: 0.05})
    write_route(written)
    assert json.loads(weaver("route", "show", "service_advisor", "--json")) == json.loads(written.model_dump_json())


def test_what_was_never_deployed_is_said(home: Path) -> None:
    with pytest.raises(WeaverError, match="Run `weaver run service_advisor` first"):
        weaver("route", "show", "service_advisor")


def test_a_gateway_that_does_not_run_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="the gateway does not answer"):  # nor was there ever a key
        weaver("route", "explain", "service_advisor")
    monkeypatch.setenv("WEAVER_GATEWAY_PORT", str(free_port()))
    settings.cache_clear()
    (home / "secrets").mkdir()
    (home / "secrets" / "gateway").write_text("nw-secret")
    with pytest.raises(Unavailable, match="the gateway does not answer") as told:
        weaver("route", "explain", "service_advisor")
    assert "nw-secret" not in str(told.value)
