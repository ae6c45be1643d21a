"""The evaluation report: one page that needs no server, and the same in MLflow with every arm's answers."""

import re
from pathlib import Path
from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import Arm, Comparison, DatasetVersion, Evaluation
from pipelines.core.files import read_json, read_jsonl, write_text
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.evaluation import error_analysis, evaluation_plots, outcomes
from pipelines.evaluation.risk_coverage import RISK_COVERAGE
from pipelines.text import html_page

Row = dict[str, Any]

REPORT_FILE = "report.html"
TEMPLATE = Path(__file__).with_suffix(".html")
MAX_SHOWN = 6  # wrong answers per topic
REPORT_METRICS = {  # metric → its name, whether it is shown in percent, and which value is the best
    "score": ("score", True, max),
    "facts": ("fact accuracy", True, max),
    "wrong_confident": ("wrong and confident", True, min),
    "declined_wrongly": ("declined wrongly", True, min),
    "declines_right": ("declined, of what is to be declined", True, max),
    "exact": ("exact match", True, max),
    "token_f1": ("token F1", True, max),
    "rouge_l": ("ROUGE-L", True, max),
    "corpus_bleu": ("BLEU", True, max),
    "corpus_chrf": ("chrF", True, max),
    "numeric_error": ("numeric error", True, min),
    "calibration_error": ("calibration error", True, min),
    "loss": ("loss (nats per token)", False, min),
}
LATENCY_COLUMNS = {
    "first_token": "first token, median",
    "first_token_p95": "first token, p95",
    "token": "each further token, median",
    "token_p95": "each further token, p95",
    "latency": "answer, median",
    "latency_p95": "answer, p95",
}
TABLE_METRICS = (
    *("answer", "score", "facts", "exact", "token_f1", "rouge_l", "bleu", "chrf"),
    *("outcome", "confidence", "answer_tokens"),
)
WRONG = "wrong_confident"
UNSAFE_CHARACTERS = re.compile(r"[^\w\-. :]")  # not allowed in file names and in names of MLflow metrics


def answers_file(arm: Arm) -> str:
    """Name of the file with an arm's scored answers, in the folder of an evaluation."""
    return "answers.jsonl" if arm == "challenger" else f"answers-{arm}.jsonl"


def read_answers(evaluation: Evaluation) -> dict[Arm, list[Row]]:
    """The scored answers of every arm."""
    return {arm: read_jsonl(Path(evaluation.uri) / answers_file(arm)) for arm in evaluation.metrics}


def write_report(
    evaluation: Evaluation,
    answers: dict[Arm, list[Row]],
    train: list[Row],
    cases: list[Row],
    dataset: DatasetVersion,
    plan: TrainingPlan,
    folder: Path,
) -> None:
    """Write report.html, and its plots as PNG files, into `folder`.

    Args:
        answers: every arm's scored answers, of the same questions in the same order.
        folder: where the curves of RISK_COVERAGE are already.
        train: the training rows.
        cases: one dict per case of a behaviour test: behaviour, why, questions, answers, passed, error.
    """
    compared = [c for c in evaluation.comparisons if c.metric == plan.gate.metric]
    risks = read_json(folder / RISK_COVERAGE, "Evaluate again.")
    plots = evaluation_plots.draw_plots(evaluation.metrics, answers, compared, plan.gate.metric, risks)
    for name, plot in plots.items():
        plot.savefig(folder / f"{UNSAFE_CHARACTERS.sub('_', name)}.png", dpi=110, facecolor="white")
    svgs = {name: html_page.figure_to_svg(plot) for name, plot in plots.items()}
    wrong = error_analysis.find_wrong_answers(answers["challenger"], train)
    context = {
        "title": plan.template.replace("_", " ").capitalize(),
        "evaluation": evaluation,
        "dataset": dataset,
        "metric": plan.gate.metric.replace("_", " "),
        "plan": plan,
        "machine_hour": plan.costs.hour(gpus=has_gpu()),
        "arms": {arm: name for arm, (name, _) in evaluation_plots.ARM_STYLES.items() if arm in evaluation.metrics},
        "tiles": summary_tiles(evaluation, compared, plan),
        "gains": describe_gains(compared),
        "outcomes": outcomes.tabulate_outcomes(evaluation.metrics["challenger"]),
        "outcome_labels": outcomes.LABELS,
        "category_label": outcomes.label_category,
        "risks": risks,
        "unsure": sum(row["unsure"] for row in answers["challenger"]),
        "metric_rows": metric_rows(evaluation),
        "latency_columns": LATENCY_COLUMNS,
        "plots": {name: svgs.pop(name) for name in ("gains", "evaluation", "calibration", "risk_coverage")},
        "confusions": {name.removeprefix("confusion-"): svg for name, svg in svgs.items()},
        "cases": cases,
        "errors": error_analysis.ERRORS,
        "wrong": group_by_topic(wrong),
        "asked": group_by_topic(answers["challenger"]),
        "suggestions": error_analysis.suggest_improvements(answers, train),
        "regressions": error_analysis.find_regressions(answers),
        "max_shown": MAX_SHOWN,
    }
    write_text(folder / REPORT_FILE, html_page.render_page(TEMPLATE, **context))


def summary_tiles(evaluation: Evaluation, compared: list[Comparison], plan: TrainingPlan) -> dict[str, str]:
    """What the page shows first: label → value.

    Args:
        compared: the comparisons by the gate's metric.
    """
    challenger = evaluation.metrics["challenger"]["all"]
    gains = {
        f"percentage points over the {evaluation_plots.ARM_STYLES[one.against][0]}": f"{100 * one.gain:+.1f}"
        for one in compared
        if one.slice == "all"
    }
    wrong = {"wrong and confident": f"{100 * challenger[WRONG]:.1f}%"} if WRONG in challenger else {}
    return {
        f"{plan.gate.metric.replace('_', ' ')} of the challenger": f"{100 * challenger[plan.gate.metric]:.1f}%",
        **wrong,
        **gains,
        "held-out questions": html_page.format_thousands(int(challenger["questions"])),
        "per answer (p95)": f"{challenger['latency_p95']:.1f} s",
    }


def describe_gains(compared: list[Comparison]) -> list[str]:
    """What the intervals over all questions say: one sentence per arm.

    Args:
        compared: the comparisons by the gate's metric.
    """
    sentences = []
    for comparison in (comparison for comparison in compared if comparison.slice == "all"):
        name = evaluation_plots.ARM_STYLES[comparison.against][0]
        interval = (
            f"{100 * comparison.gain:+.1f} percentage points, {100 * comparison.confidence:g}% confidence interval "
            f"{100 * comparison.low:+.1f} to {100 * comparison.high:+.1f}, from {comparison.questions} questions about "
            f"{comparison.clusters} vehicles or codes"
        )
        if comparison.low > 0:
            sentences.append(f"The challenger is better than the {name}: {interval}.")
        elif comparison.high < 0:
            sentences.append(f"The challenger is worse than the {name}: {interval}.")
        else:
            sentences.append(
                f"No significant difference from the {name}: {interval}. With this many questions, a gain of "
                f"{100 * comparison.detectable:.1f} percentage points would be detected."
            )
    return sentences


def metric_rows(evaluation: Evaluation) -> list[Row]:
    """One row per metric: its name, every arm's value over all questions as text, and the arms with the best one."""
    rows = []
    for metric, (name, percent, best) in REPORT_METRICS.items():
        values = {arm: slices["all"][metric] for arm, slices in evaluation.metrics.items() if metric in slices["all"]}
        if values:
            texts = {arm: f"{100 * value:.1f}%" if percent else f"{value:.3f}" for arm, value in values.items()}
            winners = [arm for arm, value in values.items() if value == best(values.values())]
            rows.append({"name": name, "values": texts, "best": winners})
    return rows


def group_by_topic(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows by topic, the topic with the most rows first."""
    topics: dict[str, list[Row]] = {}
    for row in rows:
        topics.setdefault(row["topic"], []).append(row)
    return dict(sorted(topics.items(), key=lambda item: -len(item[1])))


def log_evaluation(evaluation: Evaluation) -> None:
    """Log metrics, the page, its plots and the table of all answers to the MLflow run. Idempotent.

    Raises:
        Unavailable: MLflow does not answer.
    """
    import pandas as pd

    mlflow, folder = connect_mlflow(), Path(evaluation.uri)
    metrics = {
        UNSAFE_CHARACTERS.sub("_", f"eval.{arm}.{name}.{metric}"): value
        for arm, slices in evaluation.metrics.items()
        for name, values in slices.items()
        for metric, value in values.items()
    }
    table = pd.DataFrame(build_answers_table(read_answers(evaluation)))
    with mlflow.start_run(run_id=evaluation.run_id):
        mlflow.log_metrics(metrics)
        mlflow.log_metrics(
            {"eval.changed_share": evaluation.changed_share, "eval.leaked_questions": evaluation.leaked_questions}
        )
        for file in (
            folder / REPORT_FILE,
            folder / "golden.jsonl",
            folder / RISK_COVERAGE,
            *sorted(folder.glob("*.png")),
        ):
            mlflow.log_artifact(str(file), None if file.stem == "evaluation" else "evaluation")
        if "answers.json" in {artifact.path for artifact in mlflow.MlflowClient().list_artifacts(evaluation.run_id)}:
            mlflow.log_text(table.to_json(orient="split", index=False), "answers.json")  # log_table would append
        else:
            mlflow.log_table(table, "answers.json")


def build_answers_table(answers: dict[Arm, list[Row]]) -> list[Row]:
    """One row per question: the question, the true answer, and each arm's answer and metrics."""
    question_keys = ("topic", "kind", "instruction", "input", "truth")
    return [
        {key: rows[0][key] for key in question_keys}
        | {f"{arm}_{metric}": row[metric] for metric in TABLE_METRICS for arm, row in zip(answers, rows, strict=True)}
        | {"key": rows[0]["key"], "id": rows[0]["id"]}
        for rows in zip(*answers.values(), strict=True)
    ]
