"""Good rows pass the real Great Expectations suite; of bad ones it is said which, where and why, all at once."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.artifacts import CollectedFeedback, Records, Validation
from pipelines.core.errors import WeaverError
from pipelines.core.files import write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.collect import collect
from pipelines.datasets.contract import validate
from pipelines.datasets.upload import list_uploads, stage_upload, uploads_folder
from tests.bench.validate import run

TOPICS = ("engine", "drivetrain", "fuel_economy")
Rows = list[dict]


def good(count: int = 600) -> Rows:
    return [
        {
            "instruction": f"What is the torque of bolt {number}?",
            "input": f"bolt {number}",
            "output": f"{number} Nm",
            "topic": TOPICS[number % 3],
        }
        for number in range(count)
    ]


@pytest.fixture
def held(home: Path, tmp_path: Path) -> Callable[[Rows], Validation]:
    """Collect rows from a file and hold them to the Service Advisor's contract: 500 rows, 3 topics."""

    def hold(rows: Rows) -> Validation:
        write_jsonl(tmp_path / "tickets.jsonl", rows)
        records, plan = collected(tmp_path / "tickets.jsonl", home)
        return validate(records, plan, home / "work")

    return hold


def collected(path: Path, home: Path) -> tuple[Records, TrainingPlan]:
    plan = make_plan("service_advisor", {"data.source": str(path)})
    return collect(CollectedFeedback(), plan, home / "work"), plan


def test_good_rows_pass_and_are_not_held_again(held: Callable, home: Path, tmp_path: Path) -> None:
    """The second time, in a process of its own, Great Expectations is not even imported."""
    validation = held(good())
    folder = Path(validation.uri)
    result = json.loads((folder / "result.json").read_text())
    assert result["success"] and result["statistics"]["evaluated_expectations"] == validation.expectations == 43
    assert "output is text" in (folder / "suite.json").read_text()
    pages = "".join(page.read_text() for page in (folder / "docs").rglob("*.html"))
    assert "a question has one answer" in pages
    code = f"""
import sys
from pathlib import Path
from pipelines.core.artifacts import Records
from pipelines.datasets.contract import validate
from pipelines.datasets.upload import list_uploads, stage_upload, uploads_folder
from pipelines.core.make_plan import make_plan
records = Records.model_validate_json({validation.records.model_dump_json()!r})
plan = make_plan("service_advisor", {{"data.source": {str(tmp_path / "tickets.jsonl")!r}}})
print(validate(records, plan, Path({str(home / "work")!r})).model_dump_json())
assert "great_expectations" not in sys.modules
"""
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert again.stdout.strip() == validation.model_dump_json(), again.stderr


def edit(number: int, **changes) -> Callable[[Rows], Rows]:
    """Change one row, counted from 1 as in the file."""
    return lambda rows: [row | changes if at == number else row for at, row in enumerate(rows, 1)]


def rename(old: str, new: str) -> Callable[[Rows], Rows]:
    return lambda rows: [{new if key == old else key: value for key, value in row.items()} for row in rows]


BAD = {
    "an empty file": (
        lambda rows: [],
        ["0 rows", "at least 500 rows: found 0", "at least 3 different topics: found 0"],
    ),
    "too few rows": (lambda rows: rows[:499], ["at least 500 rows: found 499"]),
    "one topic": (
        lambda rows: [row | {"topic": "engine"} for row in rows],
        ["there are at least 3 different topics: found 1"],
    ),
    "a missing column": (
        rename("topic", "category"),
        ["there is a column topic: the rows have category, facts, group, input, instruction, "],
    ),
    "a wrong type": (edit(317, output=42), ["output is text: row 317: output is int 42, expected text"]),
    "a list for a text": (edit(9, topic=["engine"]), ["row 9: topic is list ['engine'], expected text"]),
    "null": (edit(5, output=None), ["no output is missing: row 5: output is missing"]),
    "a blank": (edit(6, output=" \n"), ["no output is blank: row 6: output is blank"]),
    "a blank beyond ASCII": (edit(6, output="\u00a0\u2003"), ["no output is blank: row 6: output is blank"]),
    "no answers at all": (rename("output", "reply"), ["there is a column output: the rows have facts, group, input, "]),
    "null among wrong types": (
        lambda rows: edit(5, output=None)(edit(6, output=1.5)(rows)),
        ["no output is missing: row 5: output is missing", "row 6: output is float 1.5, expected text"],
    ),
    "too long": (
        edit(7, output="x" * 801),
        ["at most 800 characters long: row 7: output is 801 characters long: 'xxx"],
    ),
    "an unknown topic": (edit(8, topic="drive_train"), ["row 8: topic is 'drive_train'; did you mean 'drivetrain'?"]),
    "an unknown kind": (edit(8, kind="ground"), ["row 8: kind is 'ground'; did you mean 'grounded'?"]),
    "facts that are no texts": (
        edit(3, facts={"torque": 2}),
        ["row 3: facts is '{\"torque\":2}', expected for example"],
    ),
    "an importance that is none": (
        edit(4, importance="High"),
        ["row 4: importance is wrong: 'High' does not say it for each fact, as {\"stop driving\": "],
    ),
    "an unknown importance": (
        edit(5, facts={"torque": "5 Nm"}, importance={"torque": "critical"}),
        ["row 5: importance is wrong: 'torque' is 'critical'; did you mean 'safety_critical'?; allowed are "],
    ),
    "the importance of a fact that is not there": (
        edit(6, facts={"torque": "6 Nm"}, importance={"torgue": "optional"}),
        ["row 6: importance is wrong: 'torgue' is no fact of the row; did you mean 'torque'?; its facts are: torque"],
    ),
    "a contradiction": (
        lambda rows: [*rows, rows[11] | {"output": "one Nm"}],
        ["a question has one answer: row 12: answer is given differently in rows 12, 601; row 601: "],
    ),
    "many at once": (
        lambda rows: edit(2, topic="engin")([row | {"output": number} for number, row in enumerate(rows)]),
        [
            "output is text: row 1: output is int 0, expected text; row 2: output is int 1, expected text; row 3: ",
            "expected text; and 597 more",
            "row 2: topic is 'engin'; did you mean 'engine'?",
        ],
    ),
}


@pytest.mark.parametrize(("spoil", "said"), BAD.values(), ids=BAD.keys())
def test_bad_rows_are_told(held: Callable, home: Path, spoil: Callable[[Rows], Rows], said: list[str]) -> None:
    with pytest.raises(WeaverError) as caught:
        held(spoil(good()))
    for words in said:
        assert words in caught.value.what
    assert "tickets.jsonl breaks the contract of service_advisor" in caught.value.what
    assert "could not be checked" not in caught.value.what
    (left,) = [path for path in (home / "work" / "validate").iterdir() if path.is_dir()]
    assert left.name.endswith("-failed"), "rows that failed are not found as validated"
    page = Path(caught.value.remedy.rsplit(": ", 1)[1])
    assert page == left / "docs" / "index.html" and page.is_file()


def test_only_what_is_wrong_is_told(held: Callable) -> None:
    with pytest.raises(WeaverError) as caught:
        held(rename("topic", "category")(edit(317, output=42)(good())))
    assert len(caught.value.what.splitlines()) == 3


def test_a_row_that_is_there_twice_is_no_fault(held: Callable) -> None:
    """Refining drops it; the Data Docs show a warning."""
    rows = good()
    validation = held([*rows, rows[0]])
    results = json.loads((Path(validation.uri) / "result.json").read_text())["results"]
    (failed,) = [result for result in results if not result["success"]]
    assert failed["expectation_config"]["severity"] == "warning"
    assert failed["result"]["partial_unexpected_list"] == ["first in row 1"]


def test_mended_rows_pass(held: Callable) -> None:
    with pytest.raises(WeaverError):
        held(good(10))
    assert held(good()).records.rows == 600


@pytest.mark.slow
def test_the_bench_measures_the_stage() -> None:
    figures = run(2000)
    assert figures["rows"] == 2000 and figures["expectations"] == 43
    assert figures["rows_per_s"] == pytest.approx(2000 / figures["seconds"])
    assert 100 < figures["peak_memory_mib"] < 4000


def test_answers_in_other_words_are_no_fault(held: Callable) -> None:
    """Refining keeps the better one."""
    rows = good()
    words = [{"output": "11 nm."}, {"output": "It is 11 newton meters."}]
    assert held([*rows, *(rows[11] | other for other in words)]).records.rows == 602


def test_a_fault_in_an_upload_names_its_file_row_and_column(home: Path, tmp_path: Path) -> None:
    """The collected rows are numbered otherwise: the upload's come after those of the source."""
    write_jsonl(tmp_path / "tickets.jsonl", good())
    lines = ["Question,Answer,Department", "What is due?,Oil.,engine", "What of the belt?,Worn.,drivetrain"]
    (tmp_path / "counter.csv").write_text("\n".join(lines) + "\n")
    with stage_upload("service_advisor", str(tmp_path / "counter.csv")) as staged:
        staged.accept()
    upload = list_uploads("service_advisor")[0]
    rows = uploads_folder("service_advisor") / upload.id / "rows.jsonl"
    rows.write_text(rows.read_text().replace('"drivetrain"', '"drive_train"'))
    records, plan = collected(tmp_path / "tickets.jsonl", home)
    with pytest.raises(WeaverError) as caught:
        validate(records, plan, home / "work")
    assert "counter.csv, line 3: topic (column 'Department') is 'drive_train'" in caught.value.what
