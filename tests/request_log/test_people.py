"""What people said and thought: nothing personal is kept, the newest feedback counts, and the verbs show it."""

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
from pipelines.request_log import RequestLog, feedbacks, folder

from .rows import DAY, T, exchange, opinion


def test_nothing_personal_is_logged(log: RequestLog) -> None:
    """What a dataset would drop is masked; a name is one stand-in, also where no word announces it."""
    said = log.all_protected(["My name is Marjorie Quimby, SSN 219-09-9999.", "Thank you, Marjorie."], T)
    assert "<SSN>" in said[0] and "219" not in said[0]
    assert "Marjorie" not in " ".join(said) and "Quimby" not in said[0]
    standin = said[0].removeprefix("My name is ").split()[0]
    assert said[1] == f"Thank you, {standin}."
    assert log.protected("What does trouble code P0420 mean?", T) == "What does trouble code P0420 mean?"


def test_a_changed_policy_is_in_force_after_the_next_settling(log: RequestLog, home: Path) -> None:
    own = settings().templates / "own.yaml"
    own.parent.mkdir()
    text = find_template_files()[T].read_text().replace(f"name: {T}", "name: own")
    own.write_text(text)
    phone = "Call me at 313-555-0134."
    assert "<PHONE>" not in log.protected(phone, "own")
    own.write_text(f"{text}\nprivacy:\n  phone: mask\n")
    log.settle()
    assert log.protected(phone, "own") == "Call me at <PHONE>."
    own.write_text("no template")
    log.settle()
    assert log.protected(phone, "own") == "Call me at <PHONE>.", "a broken file does not stop the gateway"


@pytest.mark.parametrize("settled", [False, True])
def test_the_newest_feedback_of_a_key_counts(settled: bool, log: RequestLog) -> None:
    log.write(exchange("a", time.time() - 2 * DAY))
    if settled:
        log.settle()
    log.feedback(opinion("a", thumb="up"))
    log.feedback(opinion("a", key="workshop", thumb="up", comment="fine"))
    log.feedback(opinion("a", thumb="down", correction="It is below its threshold."))
    if settled:
        log.settle()
    rows = {row["key"]: row for row in feedbacks(template=T).to_pylist()}
    assert {key: row["thumb"] for key, row in rows.items()} == {"local": "down", "workshop": "up"}
    assert rows["local"]["correction"] == "It is below its threshold." and rows["workshop"]["comment"] == "fine"
    assert rows["local"]["answer"] == "The catalyst is worn." and rows["local"]["version"] == 3
    assert len(feedbacks(template="parts_inventory")) == len(feedbacks(until=1)) == 0
    if settled:
        assert parquet.read_table(folder() / "feedbacks").num_rows == 3, "the log is append-only"


def test_feedback_on_an_unknown_answer_is_refused(log: RequestLog) -> None:
    log.write(exchange("a"))
    log.settle()
    with pytest.raises(WeaverError, match="no answer has the id 'b'"):
        log.feedback(opinion("b", thumb="up"))
    assert len(feedbacks()) == 0


def weaver(capsys: pytest.CaptureFixture[str], *verb: str) -> Any:
    app(["log", *verb, "--json"], standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def test_the_log_is_shown_and_exported(log: RequestLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    for number in range(5):
        log.write(exchange(f"a{number}", now - 3 * DAY + number * DAY / 2))
    log.settle()
    log.feedback(opinion("a4", thumb="down", correction='Clean, "renewed".'))
    assert [row["id"] for row in weaver(capsys, "show", T, "--last", "3")] == ["a2", "a3", "a4"]
    yesterday = datetime.fromtimestamp(now - 1.2 * DAY).isoformat()
    assert [row["thumb"] for row in weaver(capsys, "show", T, "--since", yesterday)] == ["down"]
    app(["log", "show", T], standalone_mode=False)
    assert "P0420" in capsys.readouterr().out
    for suffix, read in {".parquet": parquet.read_table, ".csv": csv.read_csv, ".jsonl": arrow_json.read_json}.items():
        told = weaver(capsys, "export", str(tmp_path / f"log{suffix}"))
        assert told["rows"] == 5
        table = read(tmp_path / f"log{suffix}")
        assert table["id"].to_pylist() == ["a0", "a1", "a2", "a3", "a4"]
        assert table["correction"].to_pylist()[-1] == 'Clean, "renewed".'
    with pytest.raises(WeaverError, match=r"\.xlsx is no format"):
        weaver(capsys, "export", str(tmp_path / "log.xlsx"))
    with pytest.raises(WeaverError, match="--since 'yesterday'"):
        weaver(capsys, "show", T, "--since", "yesterday")
