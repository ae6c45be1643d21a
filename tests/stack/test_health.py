"""A server's state by supervisord's state of its process (test_stack.py has real servers)."""

from pathlib import Path

import pytest

from pipelines.clients import supervisor
from pipelines.stack import health, servers


@pytest.mark.parametrize(
    ("process", "state"),
    [
        ("EXITED", "starting"),
        ("STARTING", "starting"),
        ("BACKOFF", "failed"),
        ("FATAL", "failed"),
        ("STOPPED", "stopped"),
    ],
)
def test_a_server_that_was_killed_is_starting(
    process: str, state: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {name: {"statename": process, "start": 0} for name in servers.server_names()}
    monkeypatch.setattr(supervisor, "program_states", lambda: programs)
    monkeypatch.setattr(health, "read_heartbeats", dict)
    assert set(health.server_states().values()) == {state}
