"""The evaluate stage on real, small models: which arm answers what, the results, and the errors."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import ChampionModel, DatasetVersion, Evaluation, Export
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl, write_jsonl
from pipelines.core.plan import TrainingPlan
from pipelines.evaluation.evaluate import add_row_ids, evaluate, sample_by_topic
from pipelines.evaluation.generate import AnswerGenerator
from pipelines.evaluation.outcomes import OUTCOMES
from pipelines.evaluation.risk_coverage import NEVER, trace_risk_coverage
from pipelines.training.export import export
from tests.bench.answers import read_held_out_curve


def dataset_of(folder: Path, train: list[Any], heldout: list[Any]) -> DatasetVersion:
    write_jsonl(folder / "train.jsonl", train)
    write_jsonl(folder / "heldout.jsonl", heldout)
    counts = {"train": len(train), "heldout": len(heldout)}
    return DatasetVersion(name="service_advisor", version=4, uri=str(folder), digest=digest(folder), rows=counts)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> DatasetVersion:
    return dataset_of(tmp_path_factory.mktemp("dataset"), rows[24:], rows[:24])


def export_arms(adapter: Any, run_id: str, plan: TrainingPlan, work: Path) -> Export:
    """An exported challenger, and a champion that was trained over the exact base."""
    base = plan.base.model_dump() | {"quantisation": "none"}
    form = plan.deployment.model_dump()
    champion = ChampionModel(name="service_advisor", version=2, adapter=adapter(2), base=base, deployment=form)
    return export(adapter(1, run_id), champion, plan, work)


@pytest.fixture(scope="module")
def exported(small_adapter: Any, run_id: str, plan: TrainingPlan, room: Path) -> Export:
    return export_arms(small_adapter, run_id, plan, room / "work")


@pytest.fixture(scope="module")
def generated() -> list[int]:
    """How many questions were answered in each call of a model, of the evaluation below."""
    return []


@pytest.fixture(scope="module")
def evaluation(
    exported: Export, dataset: DatasetVersion, plan: TrainingPlan, room: Path, generated: list[int]
) -> Evaluation:
    answer_rows = AnswerGenerator.answer_rows

    def counted(self: AnswerGenerator, rows: Any, *others: Any) -> Any:
        generated.append(len(rows))
        return answer_rows(self, rows, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnswerGenerator, "answer_rows", counted)
        return evaluate(exported, dataset, plan, room / "work")


def test_five_arms_answer_and_the_challenger_is_compared_with_the_others(evaluation: Evaluation) -> None:
    assert list(evaluation.metrics) == ["base", "base_retrieval", "few_shot", "champion", "challenger"]
    assert evaluation.champion == 2 and evaluation.leaked_questions == 0
    assert 0 < evaluation.changed_share <= 1, "an adapter that does nothing would leave every answer as it was"
    named = {"all", "grounded", "knowledge", "drive/train", "urgency", "source:epa", "length:short", "year:2012"}
    named |= {"refusal", "format:pipes", "format:sentence"}
    for parts in evaluation.metrics.values():
        assert named <= set(parts)
        assert parts["all"]["questions"] == 24
        assert {"latency_p95", "first_token", "tokens_per_second", "cost_per_1000", "calibration_error"} <= set(
            parts["all"]
        )
    losses = [parts["all"]["loss"] for parts in evaluation.metrics.values()]
    assert len(set(losses)) == 5, "each arm is another model or another prompt"
    assert {one.against for one in evaluation.comparisons} == {"base", "base_retrieval", "few_shot", "champion"}
    every = next(one for one in evaluation.comparisons if one.slice == "all" and one.against == "base")
    assert every.questions == 24 and every.low <= every.gain <= every.high


def test_the_base_alone_sees_no_passages_and_what_is_the_same_with_them_is_answered_once(
    evaluation: Evaluation, generated: list[int]
) -> None:
    alone, retrieval = (read_jsonl(Path(evaluation.uri) / f"answers-{arm}.jsonl") for arm in ("base", "base_retrieval"))
    knowledge = [row["kind"] == "knowledge" for row in retrieval]
    assert generated == [24, sum(knowledge), 24, 24, 24]
    for looked_up, without, with_passages in zip(knowledge, alone, retrieval, strict=True):
        assert without["input"] == with_passages["input"], "the question is the same, whatever is shown"
        same = {"answer", "nll", "confidence"}
        assert looked_up == any(without[key] != with_passages[key] for key in same)


def test_each_answer_has_an_outcome_and_they_are_counted_by_slice(evaluation: Evaluation) -> None:
    rows = read_jsonl(Path(evaluation.uri) / "answers.jsonl")
    counted = evaluation.metrics["challenger"]
    assert counted["all"]["judged"] == 24 and counted["format:pipes"]["judged"] == 8
    assert counted["refusal"]["to_decline"] == counted["all"]["to_decline"] == 2
    assert counted["all"]["safety_critical"] == counted["knowledge"]["questions"] == 6
    shares = [counted["all"][outcome] for outcome in OUTCOMES]
    assert sum(shares) == pytest.approx(1)
    assert counted["all"]["wrong_confident"] == sum(row["outcome"] == "wrong_confident" for row in rows) / 24
    assert "reason" not in next(row for row in rows if row["topic"] == "urgency")["expected_facts"]  # it is optional
    by_outcome = [one for one in evaluation.comparisons if one.metric == "wrong_confident"]
    assert [(one.against, one.slice) for one in by_outcome] == [
        (arm, "all") for arm in ("base", "base_retrieval", "few_shot", "champion")
    ]


def test_the_curve_of_risk_and_coverage_is_where_the_bench_of_answers_reads_it(evaluation: Evaluation) -> None:
    client = connect_mlflow().MlflowClient()
    client.create_registered_model("service_advisor")
    client.create_model_version("service_advisor", f"runs:/{evaluation.run_id}/evaluation", run_id=evaluation.run_id)
    points = read_held_out_curve("service_advisor-v1")
    rows = read_jsonl(Path(evaluation.uri) / "answers.jsonl")
    answered = [row for row in rows if row["outcome"] in ("right", "wrong_confident") or row["unsure"]]
    judged = [row for row in rows if row["outcome"]]
    assert points[-1]["coverage"] == pytest.approx(len(answered) / len(judged))  # all answers, whatever the confidence
    base = read_jsonl(Path(evaluation.uri) / "answers-base.jsonl")
    curves = json.loads((Path(evaluation.uri) / "risk_coverage.json").read_text())
    assert curves["arms"]["base"] == trace_risk_coverage(base)
    assert 0 <= curves["min_confidence"] <= NEVER and curves["target_risk"] == 0.02


def test_run_again_it_finds_its_work_done(
    evaluation: Evaluation, exported: Export, dataset: DatasetVersion, plan: TrainingPlan, room: Path
) -> None:
    def files() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in (room / "work" / "evaluate").rglob("*.*")}

    before = files()
    assert evaluate(exported, dataset, plan, room / "work") == evaluation
    assert files() == before


def test_answers_carry_what_a_comparison_and_a_reviewer_need(evaluation: Evaluation) -> None:
    rows = read_jsonl(Path(evaluation.uri) / "answers.jsonl")
    question_keys = {"id", "instruction", "input", "topic", "kind", "source", "key", "group", "truth", "expected_facts"}
    metrics = {"answer", "nll", "tokens", "score", "facts", "exact", "bleu", "confidence", "slices", "cluster"}
    assert question_keys | metrics <= set(rows[0])
    champion = read_jsonl(Path(evaluation.uri) / "answers-champion.jsonl")
    assert [row["id"] for row in champion] == [row["id"] for row in rows]


def test_metrics_report_and_every_answer_are_in_mlflow(
    evaluation: Evaluation, exported: Export, dataset: DatasetVersion, plan: TrainingPlan, room: Path
) -> None:
    evaluate(exported, dataset, plan, room / "work")  # again: it is idempotent
    client = connect_mlflow().MlflowClient()
    metrics = client.get_run(evaluation.run_id).data.metrics
    assert metrics["eval.challenger.all.loss"] == evaluation.metrics["challenger"]["all"]["loss"]
    assert {"eval.few_shot.source:epa.score", "eval.base.drive_train.facts"} <= set(metrics)
    assert {"answers.json", "evaluation.png"} <= {file.path for file in client.list_artifacts(evaluation.run_id)}
    inside = {file.path for file in client.list_artifacts(evaluation.run_id, "evaluation")}
    assert {"evaluation/report.html", "evaluation/gains.png", "evaluation/confusion-drive_train.png"} <= inside
    table = json.loads(Path(client.download_artifacts(evaluation.run_id, "answers.json")).read_text())
    assert len(table["data"]) == 24
    assert {"base_answer", "few_shot_answer", "champion_answer", "challenger_score"} <= set(table["columns"])


def test_the_page_needs_no_network_and_texts_of_rows_stay_text(evaluation: Evaluation) -> None:
    text = (Path(evaluation.uri) / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text and "<img" not in text
    assert "&lt;script&gt;alert" in text
    assert not re.findall(r"""(?:src|href)=["'][^#]|url\((?!#)""", text)
    assert text.count("<svg") == 5 and "nan" not in text.lower().split()
    for heading in (
        "Comparison on the held-out questions",
        "What became of the questions",
        "Wrong answers",
        "Suggestions",
        "Latency and cost",
    ):
        assert f"<h2>{heading}</h2>" in text


def test_the_first_evaluation_has_no_champion(
    small_adapter: Any, run_id: str, dataset: DatasetVersion, plan: TrainingPlan, room: Path, tmp_path: Path
) -> None:
    made = export(small_adapter(1, run_id), ChampionModel(name="service_advisor"), plan, tmp_path)
    evaluation = evaluate(made, dataset, plan, room / "work")
    assert list(evaluation.metrics) == ["base", "base_retrieval", "few_shot", "challenger"]
    assert evaluation.champion == 0
    assert "no champion yet" in (Path(evaluation.uri) / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("arm", ["uri", "champion_uri"])
def test_a_changed_export_is_not_asked(
    small_adapter: Any, run_id: str, dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path, arm: str
) -> None:
    few = plan.model_copy(update={"evaluate": plan.evaluate.model_copy(update={"questions": 2})})
    exported = export_arms(small_adapter, run_id, plan, tmp_path)
    weights = Path(getattr(exported, arm)) / "model.gguf"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(WeaverError, match="does not match its signature"):
        evaluate(exported, dataset, few, tmp_path)


def test_an_empty_split_is_refused(exported: Export, plan: TrainingPlan, rows: list[Any], tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match="no held-out questions"):
        evaluate(exported, dataset_of(tmp_path, rows, []), plan, tmp_path)


def test_a_question_that_stands_there_twice_is_refused_by_its_lines(dataset: DatasetVersion, rows: list[Any]) -> None:
    with pytest.raises(WeaverError, match=r"heldout\.jsonl, lines 2 and 4: the same question twice"):
        add_row_ids([*rows[:3], rows[1] | {"output": "Otherwise."}], dataset)


def test_held_out_questions_that_training_knows_are_counted(
    exported: Export, plan: TrainingPlan, rows: list[Any], room: Path, tmp_path: Path
) -> None:
    known = rows[0] | {"instruction": rows[0]["instruction"].upper()}
    dataset = dataset_of(tmp_path, [*rows[24:], known], rows[:24])
    evaluation = evaluate(exported, dataset, plan, room / "work")
    assert evaluation.leaked_questions == 1
    assert "1 held-out question is also in the training rows" in (Path(evaluation.uri) / "report.html").read_text()


def test_a_limit_takes_from_every_topic() -> None:
    rows = [{"topic": topic, "n": n} for topic in "abc" for n in range(10)]
    assert {row["topic"] for row in sample_by_topic(rows, 3)} == set("abc")
    assert sample_by_topic(rows, 0) == rows
