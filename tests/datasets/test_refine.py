"""Every row that came in is in train, held out, or dropped with a reason."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.artifacts import Records, Splits, Validation
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.datasets.refine import refine

TOPICS = ("engine", "drivetrain", "fuel_economy")
Rows = list[dict]


def row(number: int, **changes) -> dict:
    return {
        "instruction": f"What is the torque of bolt {number}?",
        "input": f"bolt {number}",
        "output": f"{number} Nm",
        "topic": TOPICS[number % 3],
        "source": f"mine.jsonl:{number}",
        "key": "",
        "kind": "grounded",
        "facts": {"torque": f"{number} Nm"},
        "group": f"bolt {number}",
    } | changes


@pytest.fixture
def refined(home: Path, tmp_path: Path) -> Callable[..., Splits]:
    def run(given: Rows, work: str = "work", **settings) -> Splits:
        folder = tmp_path / digest(given)[:8]
        write_jsonl(folder / "records.jsonl", given)
        records = Records(uri=str(folder), digest=digest(folder / "records.jsonl"), rows=len(given), sources={})
        plan = make_plan(
            "service_advisor", {f"refine.{key}": value for key, value in settings.items()}, experiment=True
        )
        return refine(Validation(uri=str(folder), records=records, expectations=1), plan, home / work)

    return run


def read(splits: Splits, name: str) -> Rows:
    return read_jsonl(Path(splits.uri) / f"{name}.jsonl")


def report(splits: Splits) -> dict:
    return json.loads((Path(splits.uri) / "report.json").read_text())


def without_seconds(report: dict) -> dict:
    return report | {"steps": [{k: v for k, v in step.items() if k != "seconds"} for step in report["steps"]]}


def test_the_importance_of_facts_and_the_format_of_a_record_are_kept(refined: Callable) -> None:
    marks = {"importance": {"torque": "safety_critical"}, "format": "json"}
    rows = [row(number, **(marks if number % 2 else {})) for number in range(40)]
    splits = refined(rows)
    kept = {one["group"]: one for name in ("train", "heldout") for one in read(splits, name)}
    assert len(kept) == 40 and read(splits, "heldout")
    for one in rows:
        columns = {key: kept[one["group"]].get(key) for key in ("importance", "format", "facts")}
        assert columns == {key: one.get(key) for key in columns}


def test_every_row_is_accounted_for(refined: Callable) -> None:
    rows = [row(number) for number in range(200)]
    rows += [row(3, source="twice"), row(4, source="spaces", output=" 4\t Nm "), row(5, source="case", output="5 NM")]
    splits = refined(rows)
    assert splits.rows["train"] + splits.rows["heldout"] == 200
    assert {name: len(read(splits, name)) for name in ("train", "heldout")} == splits.rows
    assert {one["source"]: one["reason"] for one in read(splits, "dropped")} == {
        "twice": "exact duplicate",
        "spaces": "exact duplicate",
        "case": "near-duplicate: asks and answers the same as mine.jsonl:5",
    }
    assert splits.dropped == {"exact duplicate": 2, "near-duplicate": 1}
    steps = report(splits)["steps"]
    assert [step["step"] for step in steps] == [*make_plan("service_advisor").refine.steps, "split"]
    for step, after in zip(steps, [*steps[1:], {"in": 200}], strict=True):
        assert step["in"] - sum(step["dropped"].values()) == step["out"] == after["in"]
    topics = Counter(one["topic"] for one in read(splits, "heldout"))
    assert report(splits)["heldout"]["topics"] == topics and set(topics) == set(TOPICS)


def test_texts_and_their_facts_get_one_spelling(refined: Callable) -> None:
    rows = [row(number) for number in range(20)]
    rows[7] |= {"output": "Citroe\u0308n\u00a0 C3 \r\n\r\n red ", "facts": {"make": "Citroe\u0308n\u00a0 C3"}}
    splits = refined(rows)
    (found,) = [one for one in read(splits, "train") + read(splits, "heldout") if one["source"] == "mine.jsonl:7"]
    assert found["output"] == "Citro\u00ebn C3\nred"
    assert found["facts"] == {"make": "Citro\u00ebn C3"}


def test_the_same_rows_give_the_same_bytes(refined: Callable) -> None:
    rows = [row(number) for number in range(100)]
    one, other = refined(rows, "one", rows=50), refined(rows, "other", rows=50)
    assert one.uri != other.uri
    assert one.digest == other.digest
    for name in ("train", "heldout", "dropped"):
        assert digest(Path(one.uri, f"{name}.jsonl")) == digest(Path(other.uri, f"{name}.jsonl"))
    assert without_seconds(report(one)) == without_seconds(report(other))
    assert refined(rows, "one", rows=50) == one
    assert refined(rows, "one", rows=50, seed=18).digest != one.digest


def test_a_sample_is_even_over_topics(refined: Callable) -> None:
    rows = [row(number, topic="engine" if number % 10 else "drivetrain") for number in range(300)]
    splits = refined(rows, rows=80)
    topics = Counter(one["topic"] for one in read(splits, "train") + read(splits, "heldout"))
    assert topics == {"engine": 50, "drivetrain": 30}, "a topic gives what it has; the rest comes from the others"
    assert splits.dropped == {"not sampled": 220}


def test_a_training_question_like_a_held_out_one_is_dropped(refined: Callable) -> None:
    """The same questions under other groups, answered in other words: whichever side they fall on, none crosses."""
    rows = [row(number) for number in range(100)]
    rows += [
        row(number, group=f"nut {number}", instruction=f"what is torque of bolt {number}", output=f"It is {number} Nm.")
        for number in range(100)
    ]
    splits = refined(rows, steps=["normalise"])
    assert splits.dropped["near-duplicate of held-out"] > 10
    held = {one["input"] for one in read(splits, "heldout")}
    assert not held & {one["input"] for one in read(splits, "train")}
    assert splits.rows["train"] + splits.rows["heldout"] + sum(splits.dropped.values()) == 200


def test_a_training_question_like_a_behaviour_test_is_dropped_and_counted(refined: Callable) -> None:
    """The record of a test of this template's kit in another order; another vehicle with these figures is taught."""
    question = {"instruction": "Hi, what city MPG is it rated at?", "output": "It gets 24 mpg in the city."}
    record = "2021 Mazda CX-30 | highway 35 mpg | city 24 mpg | gears 6 | combined 28 mpg"
    rows = [row(number) for number in range(100)]
    rows += [
        row(100, group="bolt 0", input=record, source="tested", **question),
        row(101, group="bolt 0", input=record.replace("CX-30", "CX-5"), source="other", **question),
    ]
    seed = next(
        seed for seed in range(9) if "bolt 0" in {one["group"] for one in read(refined(rows, seed=seed), "train")}
    )
    splits = refined(rows, seed=seed)
    assert splits.dropped == {"near-duplicate of a behaviour test": 1}
    (dropped,) = read(splits, "dropped")
    assert (dropped["source"], dropped["step"]) == ("tested", "split")
    assert dropped["reason"].endswith(": asks the same as behaviour test figures_come_from_the_record")
    assert "other" in {one["source"] for one in read(splits, "train")}
    assert report(splits)["steps"][-1]["dropped"] == splits.dropped


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(0), row(3), row(6), row(1)], "no held-out rows: drivetrain"),
        ([row(0), row(0, input=" bolt 0 ")], "no held-out rows: engine"),
        ([row(0, output=" "), row(1, output="")], "refine left no row to train on"),
    ],
    ids=["a topic of one group", "one row", "no row"],
)
def test_an_empty_side_is_told_and_leaves_nothing(refined: Callable, home: Path, rows: Rows, said: str) -> None:
    with pytest.raises(WeaverError, match=said):
        refined(rows)
    assert not [found for found in (home / "work" / "refine").iterdir() if found.is_dir()]
