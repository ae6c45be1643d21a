"""Row by row: each is taken as it was meant, or set aside with its place and the reason."""

from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload

from .upload_files import HEADER, ROWS, add, columns, objects, parquet, rejected_rows, text, workbook, write

pytestmark = pytest.mark.usefixtures("home")


BAD_ROWS = {
    "no question": ([" ", "", "a", "engine"], "no instruction", "column 'question' is empty"),
    "too long": (["q", "", "a" * 801, "engine"], "output is too long", "801 characters, the contract allows 800"),
    "a topic near another": (["q", "", "a", "engin"], "unknown topic", "'engin'; did you mean 'engine'"),
    "a formula": (["q", "", "=HYPERLINK(1)", "engine"], "a spreadsheet formula", "answer is '=HYPERLINK(1)'"),
    "a call": (["q", "", "@SUM(A1)", "engine"], "a spreadsheet formula", "answer is '@SUM"),
    "a command": (["q", "-1+cmd|' /C calc'!A0", "a", "engine"], "a spreadsheet formula", "context is"),
    "a sum": (["+SUM(A1)", "", "a", "engine"], "a spreadsheet formula", "question is"),
    "a formula behind a space": (["q", "", "\t=1+1", "engine"], "a spreadsheet formula", "answer is"),
}


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
@pytest.mark.parametrize(("row", "reason", "said"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_row_that_cannot_be_used_is_set_aside(
    row: list[str], reason: str, said: str, format_: str, tmp_path: Path
) -> None:
    rows = [ROWS[0], row, ROWS[1]]
    path = tmp_path / f"t.{format_}"
    upload = add(write(path, text(rows)) if format_ == "csv" else workbook(path, [HEADER, *rows]))
    assert (upload.rows, upload.rejected) == (2, {reason: 1})
    unit = {"csv": "line", "xlsx": "row"}[format_]
    (example,) = upload.examples
    assert example.startswith(f"t.{format_}, {unit} 3: {reason}: ") and said in example
    (kept,) = rejected_rows(upload)
    assert (kept["file"], kept[unit], kept["reason"]) == (path.name, 3, reason)
    assert (kept["values"]["question"] or "").strip() == row[0].strip()


@pytest.mark.parametrize(
    "harmless", ["-5", "-5.5 °C", "+49 30 1234", "-20 °C", "- check the oil", "-0.5%", "a=b", "1-2"]
)
def test_what_only_looks_like_a_formula_is_none(harmless: str, tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text([["q", "", harmless, "engine"]])))
    assert [row["output"] for row in read_upload(upload)] == [harmless]


def test_types_that_are_mixed_are_told_by_row_and_column(tmp_path: Path) -> None:
    rows = [
        *ROWS,
        ["q4", "", 42, "engine"],
        ["q5", "", ["a"], "engine"],
        ["q6", "", True, "engine"],
        ["q7", "", None, "engine"],
    ]
    upload = add(write(tmp_path / "t.jsonl", objects(rows)))
    assert upload.rejected == {"output is not text": 2, "no output": 1}
    assert "t.jsonl, line 5: output is not text: answer is list ['a'], expected text" in upload.examples
    assert [row["output"] for row in read_upload(upload)][-1] == "42"


def test_numbers_of_a_workbook_are_texts(tmp_path: Path) -> None:
    """A program typed them as numbers, not a person."""
    import datetime

    rows = [["a", "", 4, "engine"], ["b", "", 2.5, "engine"], ["c", "", datetime.date(2026, 3, 1), "engine"]]
    upload = add(workbook(tmp_path / "t.xlsx", [HEADER, *rows], Notes=[["nothing"]]))
    assert [row["output"] for row in read_upload(upload)] == ["4", "2.5", "2026-03-01"]
    assert upload.notes == ["sheets that are not read: Notes; --sheet NAME reads another one"]
    with pytest.raises(WeaverError, match="no sheet 'Note'"):
        add(tmp_path / "t.xlsx", sheet="Note")
    with pytest.raises(WeaverError, match="no column for instruction"):
        add(tmp_path / "t.xlsx", sheet="Notes")


def test_facts_and_the_like(tmp_path: Path) -> None:
    header = [*HEADER, "facts", "kind", "group", "key", "source", "id"]
    rows = [
        [*ROWS[0], {"torque": "38 Nm"}, "grounded", "g1", 7, "ours", 1],
        [*ROWS[1], '{"a": "b"}', "knowledge", None, None, None, 2],
        [*ROWS[2], {"torque": 38}, "grounded", "g3", "k", "ours", 3],
        [*ROWS[2], {}, "ground", "g3", "k", "ours", 4],
    ]
    upload = add(write(tmp_path / "t.jsonl", objects(rows, header)))
    one, two = read_upload(upload)
    assert (one["facts"], one["key"], one["source"], one["id"]) == ({"torque": "38 Nm"}, "7", "ours", "1")
    assert (two["facts"], two["source"], "group" in two) == ({"a": "b"}, "t.jsonl:2", False)
    assert upload.rejected == {"facts is not a map of names to texts": 1, "unknown kind": 1}
    parts = parquet(tmp_path / "t.parquet", **columns(ROWS[:1]), facts=[{"a": "b"}])
    assert [row["facts"] for row in read_upload(add(parts))] == [{"a": "b"}]


def test_the_importance_of_facts(tmp_path: Path) -> None:
    header = [*HEADER, "facts", "importance"]
    rows = [
        [*ROWS[0], {"torque": "38 Nm"}, {"torque": "safety_critical"}],
        [*ROWS[1], {"a": "b"}, '{"a": "optional"}'],
        [*ROWS[2], {"low": "-20"}, None],
        [*ROWS[2], {"low": "-20"}, {"low": "high"}],
        [*ROWS[2], {"low": "-20"}, {"lower": "optional"}],
        [*ROWS[2], {"low": "-20"}, "High"],
    ]
    upload = add(write(tmp_path / "t.jsonl", objects(rows, header)))
    one, two, three = read_upload(upload)
    assert (one["importance"], two["importance"]) == ({"torque": "safety_critical"}, {"a": "optional"})
    assert "importance" not in three
    no_map = 'importance is not a map of facts such as {"stop driving": "safety_critical"}'
    assert upload.rejected == {"importance is wrong": 2, no_map: 1}


def test_a_column_of_another_importance_is_left_out_where_the_message_says_how(tmp_path: Path) -> None:
    header, rows = (
        [*HEADER, "Importance"],
        [[*row, mark] for row, mark in zip(ROWS, ("High", "Low", "Low"), strict=True)],
    )
    file = write(tmp_path / "t.jsonl", objects(rows, header))
    with pytest.raises(WeaverError, match=r"Importance is str 'High'.*leave the column out: --map Importance="):
        add(file)
    assert len(add(file, columns={"Importance": ""}).first) == 3


def test_an_id_is_there_once(tmp_path: Path) -> None:
    """In a file, and over all that was added."""
    header = [*HEADER, "id"]
    first = add(write(tmp_path / "a.jsonl", objects([[*ROWS[0], 1], [*ROWS[1], 1], [*ROWS[2], 2]], header)))
    assert first.rejected == {"duplicate id": 1}
    assert first.examples == ["a.jsonl, line 2: duplicate id: id '1' is used in a.jsonl, line 1"]
    second = add(write(tmp_path / "b.jsonl", objects([[*ROWS[0], 2], [*ROWS[1], 3]], header)))
    assert f"id '2' is used in a.jsonl, upload {first.id}" in second.examples[0]


def test_a_bad_line_of_json_is_set_aside_with_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", objects(ROWS[:1]) + "{oops\n\n" + '["a"]\n{"question": "half \\ud83d"}\n')
    upload = add(path)
    assert [row["line"] for row in rejected_rows(upload)] == [2, 4, 5]
    assert upload.rejected == {"not JSON": 1, "not a JSON object": 1, "not text": 1}


def test_a_quoted_line_break_moves_no_line_number(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text([["a\nb", "", "x\r\ny", "engine"], ["q", "", "a", "nowhere"]]))
    upload = add(path)
    assert [row["instruction"] for row in read_upload(upload)] == ["a\nb"]
    assert [row["line"] for row in rejected_rows(upload)] == [5]


def test_a_short_row_is_set_aside(tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text(ROWS) + "only,two\n"))
    assert upload.rejected == {"number of cells differs from the header": 1}
