"""The trigger ends the waiting when a candidate is approved in MLflow; it decides nothing itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import REPOSITORY
from pipelines.registry import approval

RUN = "manual__2026-11-26T03:00:00+00:00"
TASK = f"/api/v2/dags/retrain_advisor/dagRuns/{RUN.replace(':', '%3A').replace('+', '%2B')}/taskInstances/approve/-1"


class FakeServers:
    """Airflow's task `approve` and MLflow's alias; `script` has what each look at MLflow finds."""

    def __init__(self, *script: Any) -> None:
        self.state, self.script, self.patched, self.users = "awaiting_input", list(script), [], []

    def connect(self, user: str) -> Any:
        self.users.append(user)
        return self

    def request(self, method: str, path: str, json: Any = None) -> Any:
        assert path == TASK
        if method == "PATCH":
            self.patched.append(json)
        return {"state": self.state}

    def alias_version(self, name: str, alias: str) -> int | None:
        found = self.script.pop(0)
        if callable(found):
            found = found()
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]


@pytest.fixture
def trigger(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    from weaver_plugins import approval_trigger

    monkeypatch.setattr(approval_trigger, "POLL_INTERVAL", 0)

    def run(servers: FakeServers) -> list[Any]:
        monkeypatch.setattr("pipelines.clients.airflow.AirflowClient", servers.connect)
        monkeypatch.setattr(approval, "alias_version", servers.alias_version)
        monkeypatch.setattr(approval, "read_alias_editors", lambda: {"admin": True, "reviewer": True})

        async def collect() -> list[Any]:
            waiting = approval_trigger.ApprovedInMLflow("advisor", 4, "retrain_advisor", RUN)
            return [event.payload async for event in waiting.run()]

        return asyncio.run(asyncio.wait_for(collect(), 10))

    yield run


def test_the_alias_on_the_version_ends_the_waiting(trigger: Any) -> None:
    servers = FakeServers(None, None, 4)
    assert trigger(servers) == ["approved in MLflow: the alias is on version 4"]
    assert servers.patched == [{"new_state": "success"}] and set(servers.users) == {"service"}


def test_the_alias_on_another_version_or_one_that_was_removed_ends_nothing(trigger: Any) -> None:
    servers = FakeServers(3, None, 3, 4)
    trigger(servers)
    assert servers.script == [] and len(servers.patched) == 1


def test_answered_in_airflow_first_it_changes_nothing(trigger: Any) -> None:
    servers = FakeServers(None, lambda: setattr(servers, "state", "success"))
    assert trigger(servers) == ["answered in Airflow"]
    assert servers.patched == []


def test_a_server_that_restarts_is_asked_again(trigger: Any) -> None:
    servers = FakeServers(Unavailable("MLflow does not answer"), Unavailable("MLflow does not answer"), 4)
    assert trigger(servers) == ["approved in MLflow: the alias is on version 4"]


def test_a_refused_sign_in_is_an_error_and_not_a_missing_alias(trigger: Any) -> None:
    servers = FakeServers(WeaverError("MLflow refused the sign-in"))
    with pytest.raises(WeaverError, match="refused the sign-in"):
        trigger(servers)
    assert servers.patched == []


def test_an_alias_that_anybody_can_set_ends_nothing(trigger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = FakeServers(4)

    def anybody(candidate: Any) -> Any:
        raise WeaverError("accounts that are no reviewers may set the alias approved in MLflow: intern")

    monkeypatch.setattr(approval, "read_mlflow_approval", anybody)
    with pytest.raises(WeaverError, match="intern"):
        trigger(servers)
    assert servers.patched == []


def test_it_is_found_again_after_a_restart_with_what_it_waits_for(trigger: Any) -> None:
    from weaver_plugins.approval_trigger import ApprovedInMLflow

    path, arguments = ApprovedInMLflow("advisor", 4, "retrain_advisor", RUN).serialize()
    assert path == "weaver_plugins.approval_trigger.ApprovedInMLflow"
    assert ApprovedInMLflow(**arguments).serialize() == (path, arguments)
