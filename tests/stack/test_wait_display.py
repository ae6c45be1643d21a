"""Where the output is not a terminal, a long start is never silent."""

import time

import pytest

from pipelines.stack import wait_display
from pipelines.stack.wait_display import WaitDisplay


def test_without_a_terminal_a_wait_is_repeated_as_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_display, "SILENCE_SECONDS", 0.05)
    with WaitDisplay("checking the servers") as display:
        display.update("waiting for mlflow")
        time.sleep(0.3)
        display.print("mlflow is healthy")
    stderr = capsys.readouterr().err
    assert "still waiting for mlflow (0 s)" in stderr and "mlflow is healthy" in stderr
