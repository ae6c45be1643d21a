"""A worse challenger is refused for the right reasons, a better one promoted and taken back: with real trainings."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.files import read_jsonl, write_jsonl

TEMPLATE = "parts_inventory"
REAL = (
    "--set", "refine.rows=0", "--set", "train.batch_size=8", "--set", "evaluate.questions=0",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def real_gate(stack: Any) -> Iterator[None]:
    """The gate as it is shipped, but for the rules that so short a training cannot pass."""
    gate = {"gain_over_few_shot": -1.0, "max_loss_ratio": 1.0, "behaviours": "reported"}
    with stack.params(gate=gate | {"max_wrong_confident": 1.0, "min_declines_right": 0.0}):
        yield


@pytest.fixture(scope="module")
def champion(stack: Any) -> dict[str, Any]:
    """One that learnt for thirty steps."""
    return stack.json("run", TEMPLATE, "--approve", *REAL, "--set", "train.max_steps=30", timeout=2400)


@pytest.fixture
def shuffled(stack: Any, champion: dict[str, Any], tmp_path: Path) -> Path:
    """The champion's own dataset, in which the answers of the training rows changed places within their topic."""
    dataset = Path(stack.artifact(f"retrain_{TEMPLATE}", "commit_dataset")["uri"])
    rows = read_jsonl(dataset / "train.jsonl")
    topics: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        topics.setdefault(row["topic"], []).append(row)
    for members in topics.values():
        answers = [{key: row[key] for key in ("output", "facts")} for row in members]
        random.Random(17).shuffle(answers)
        for row, answer in zip(members, answers, strict=True):
            row.update(answer)
    file = tmp_path / "shuffled.jsonl"
    write_jsonl(file, rows + read_jsonl(dataset / "heldout.jsonl"))
    return file


@pytest.mark.slow  # a quarter of an hour
def test_a_challenger_that_learnt_shuffled_answers_is_refused(stack: Any, champion: Any, shuffled: Path) -> None:
    assert champion["outcome"] == "version 1 is champion, approved by admin"
    steps = ("--set", "train.max_steps=30")
    result = stack.json("run", TEMPLATE, *REAL, *steps, "--set", f"data.source={shuffled}", timeout=2400)
    assert result["outcome"].startswith("gate failed")
    assert "gain over the champion" in result["outcome"]
    assert result["tasks"]["approve"] == "skipped"
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == 1


@pytest.mark.slow
def test_a_better_one_is_promoted_and_taken_back(stack: Any, champion: Any) -> None:
    result = stack.json("run", TEMPLATE, "--approve", *REAL, "--set", "train.max_steps=120", timeout=2400)
    better = stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"]
    assert result["outcome"] == f"version {better} is champion, approved by admin" and better > 1
    stack.json("rollback", TEMPLATE, "--why", "to see that it goes")
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == 1
    assert stack.json("ledger", "verify")["intact"]
