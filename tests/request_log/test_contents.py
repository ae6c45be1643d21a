"""Conversations and feedback: no personal data is stored, the newest feedback counts, and the CLI shows it."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import csv, parquet
from pyarrow import json as arrow_json

from pipelines.cli.main import app
from pipelines.core.errors import WeaverError
from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files
from pipelines.request_log import RequestLog, log_folder, read_feedback

from .rows import DAY, T, exchange, feedback


def test_personal_data_is_not_logged(log: RequestLog) -> None:
    """What a dataset would drop is masked; a name has one pseudonym, also where no context announces it."""
    texts = log.protect_conversation(["My name is Marjorie Quimby, SSN 219-09-9998.", "Thank you, Marjorie."], T)
    assert "<SSN>" in texts[0] and "219" not in texts[0]
    assert "Marjorie" not in " ".join(texts) and "Quimby" not in texts[0]
    pseudonym = texts[0].removeprefix("My name is ").split()[0]
    assert texts[1] == f"Thank you, {pseudonym}."
    assert log.protect_text("What does trouble code P0420 mean?", T) == "What does trouble code P0420 mean?"


def test_a_changed_policy_is_in_force_after_the_next_flush(log: RequestLog, home: Path) -> None:
    own = settings().templates / "own.yaml"
    own.parent.mkdir()
    text = find_template_files()[T].read_text().replace(f"name: {T}", "name: own")
    own.write_text(text)
    phone = "Call me at 313-555-0134."
    assert "<PHONE>" not in log.protect_text(phone, "own")
    own.write_text(f"{text}\nprivacy:\n  phone: mask\n")
    log.flush()
    assert log.protect_text(phone, "own") == "Call me at <PHONE>."
    own.write_text("no template")
    log.flush()
    assert log.protect_text(phone, "own") == "Call me at <PHONE>.", "a broken file does not stop the gateway"


@pytest.mark.parametrize("flushed", [False, True])
def test_the_newest_feedback_of_a_key_counts(flushed: bool, log: RequestLog) -> None:
    log.write(exchange("a", time.time() - 2 * DAY))
    if flushed:
        log.flush()
    log.write_feedback(feedback("a", thumb="up"))
    log.write_feedback(feedback("a", key="workshop", thumb="up", comment="fine"))
    log.write_feedback(feedback("a", thumb="down", correction="It is below its threshold."))
    if flushed:
        log.flush()
    rows = {row["key"]: row for row in read_feedback(template=T).to_pylist()}
    assert {key: row["thumb"] for key, row in rows.items()} == {"local": "down", "workshop": "up"}
    assert rows["local"]["correction"] == "It is below its threshold." and rows["workshop"]["comment"] == "fine"
    assert rows["local"]["answer"] == "The catalyst is worn." and rows["local"]["version"] == 3
    assert len(read_feedback(template="parts_inventory")) == len(read_feedback(until=1)) == 0
    if flushed:
        assert parquet.read_table(log_folder() / "feedbacks").num_rows == 3, "the log is append-only"


def test_feedback_on_an_unknown_completion_is_an_error(log: RequestLog) -> None:
    log.write(exchange("a"))
    log.flush()
    with pytest.raises(WeaverError, match="no completion has the id 'b'"):
        log.write_feedback(feedback("b", thumb="up"))
    assert len(read_feedback()) == 0


def weaver(capsys: pytest.CaptureFixture[str], *verb: str) -> Any:
    app(["log", *verb, "--json"], standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def test_the_log_is_shown_and_exported(log: RequestLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    for number in range(5):
        log.write(exchange(f"a{number}", now - 3 * DAY + number * DAY / 2))
    log.flush()
    log.write_feedback(feedback("a4", thumb="down", correction='Clean, "renewed".'))
    assert [row["id"] for row in weaver(capsys, "show", T, "--last", "3")] == ["a2", "a3", "a4"]
    yesterday = datetime.fromtimestamp(now - 1.2 * DAY).isoformat()
    assert [row["thumb"] for row in weaver(capsys, "show", T, "--since", yesterday)] == ["down"]
    app(["log", "show", T], standalone_mode=False)
    assert "P0420" in capsys.readouterr().out
    for suffix, read in {".parquet": parquet.read_table, ".csv": csv.read_csv, ".jsonl": arrow_json.read_json}.items():
        export = weaver(capsys, "export", str(tmp_path / f"log{suffix}"))
        assert export["rows"] == 5
        table = read(tmp_path / f"log{suffix}")
        assert table["id"].to_pylist() == ["a0", "a1", "a2", "a3", "a4"]
        assert table["correction"].to_pylist()[-1] == 'Clean, "renewed".'
    with pytest.raises(WeaverError, match=r"\.xlsx is not a known format"):
        weaver(capsys, "export", str(tmp_path / "log.xlsx"))
    with pytest.raises(WeaverError, match="--since yesterday"):
        weaver(capsys, "show", T, "--since", "yesterday")
