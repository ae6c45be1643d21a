"""What a server is said to be doing, by what supervisord says of its process (test_stack.py has real ones)."""

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
def test_a_server_that_was_killed_is_on_its_way_up(
    process: str, state: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {name: {"statename": process, "start": 0} for name in servers.names()}
    monkeypatch.setattr(supervisor, "program_states", lambda: known)
    monkeypatch.setattr(health, "heartbeats", dict)
    assert set(health.states().values()) == {state}
