"""What a reviewer looks at: one page that needs no server, and the same in MLflow beside every arm's answers."""

import re
from pathlib import Path
from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import Arm, DatasetVersion, Evaluation
from pipelines.core.files import read_jsonl, write_text
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.evaluation import error_analysis, evaluation_plots
from pipelines.text import html_page

Row = dict[str, Any]

REPORT_FILE = "report.html"
TEMPLATE = Path(__file__).with_suffix(".html")
MAX_SHOWN = 6  # wrong answers a topic
REPORT_METRICS = {  # metric → its name, and which figure is the best
    "score": ("score", max),
    "facts": ("facts right", max),
    "exact": ("exact", max),
    "token_f1": ("token F1", max),
    "rouge_l": ("ROUGE-L", max),
    "corpus_bleu": ("BLEU", max),
    "corpus_chrf": ("chrF", max),
    "numeric_error": ("numeric error", min),
    "loss": ("loss (nats a token)", min),
    "calibration_error": ("calibration error", min),
}
LATENCY_COLUMNS = {
    "first_token": "first token",
    "first_token_p95": "95%",
    "token": "each after it",
    "token_p95": "95%",
    "latency": "answer",
    "latency_p95": "95%",
}
TABLE_METRICS = (
    "answer",
    "score",
    "facts",
    "exact",
    "token_f1",
    "rouge_l",
    "bleu",
    "chrf",
    "confidence",
    "answer_tokens",
)
UNSAFE_CHARACTERS = re.compile(r"[^\w\-. :]")  # what neither a file nor a metric of MLflow has in its name


def answers_file(arm: Arm) -> str:
    """Where an arm's marked answers lie in the folder of an evaluation."""
    return "answers.jsonl" if arm == "challenger" else f"answers-{arm}.jsonl"


def read_answers(evaluation: Evaluation) -> dict[Arm, list[Row]]:
    return {arm: read_jsonl(Path(evaluation.uri) / answers_file(arm)) for arm in evaluation.figures}


def write_report(
    evaluation: Evaluation,
    answers: dict[Arm, list[Row]],
    train: list[Row],
    cases: list[Row],
    dataset: DatasetVersion,
    plan: TrainingPlan,
    folder: Path,
) -> None:
    """Write report.html, and its figures as pictures, into `folder`.

    Args:
        answers: every arm's marked answers, of the same questions in the same order.
        cases: one dict a case of a behaviour test: behaviour, why, questions, answers, passed, fault.
    """
    drawn = evaluation_plots.draw_plots(evaluation.figures, answers, evaluation.comparisons, plan.gate.metric)
    for name, figure in drawn.items():
        figure.savefig(folder / f"{UNSAFE_CHARACTERS.sub('_', name)}.png", dpi=110, facecolor="white")
    svgs = {name: html_page.figure_to_svg(figure) for name, figure in drawn.items()}
    bad = error_analysis.find_wrong_answers(answers["challenger"], train)
    told = {
        "title": plan.template.replace("_", " ").capitalize(),
        "evaluation": evaluation,
        "dataset": dataset,
        "metric": plan.gate.metric,
        "plan": plan,
        "hour": plan.costs.hour(gpus=has_gpu()),
        "arms": {arm: name for arm, (name, _) in evaluation_plots.ARM_STYLES.items() if arm in evaluation.figures},
        "tiles": summary_tiles(evaluation, plan),
        "findings": describe_gains(evaluation),
        "headlines": metric_rows(evaluation),
        "speeds": LATENCY_COLUMNS,
        "figures": {name: svgs.pop(name) for name in ("gains", "evaluation", "calibration")},
        "confusions": {name.removeprefix("confusion-"): svg for name, svg in svgs.items()},
        "cases": cases,
        "errors": error_analysis.ERRORS,
        "failed": group_by_topic(bad),
        "asked": group_by_topic(answers["challenger"]),
        "advice": error_analysis.suggest_improvements(answers, train),
        "regressions": error_analysis.find_regressions(answers),
        "shown": MAX_SHOWN,
    }
    write_text(folder / REPORT_FILE, html_page.render_page(TEMPLATE, **told))


def summary_tiles(evaluation: Evaluation, plan: TrainingPlan) -> dict[str, str]:
    every = evaluation.figures["challenger"]["all"]
    gains = {
        f"points over {evaluation_plots.ARM_STYLES[one.against][0]}": f"{100 * one.gain:+.1f}"
        for one in evaluation.comparisons
        if one.part == "all"
    }
    return {
        f"{plan.gate.metric} of the challenger": f"{100 * every[plan.gate.metric]:.1f}",
        **gains,
        "held-out questions": html_page.format_thousands(int(every["questions"])),
        "seconds an answer (95%)": f"{every['latency_p95']:.1f}",
    }


def describe_gains(evaluation: Evaluation) -> list[str]:
    """What the intervals over all questions say, a sentence an arm."""
    told = []
    for one in (one for one in evaluation.comparisons if one.part == "all"):
        name = evaluation_plots.ARM_STYLES[one.against][0]
        interval = (
            f"{100 * one.gain:+.1f} points, interval {100 * one.low:+.1f} to {100 * one.high:+.1f}, "
            f"{one.questions} questions about {one.clusters} vehicles or codes"
        )
        if one.low > 0:
            told.append(f"Better than the {name}: {interval}.")
        elif one.high < 0:
            told.append(f"Worse than the {name}: {interval}.")
        else:
            told.append(f"Not proven different from the {name}: {interval}. So many questions would show a gain of "
                        f"{100 * one.detectable:.1f}.")  # fmt: skip
    return told


def metric_rows(evaluation: Evaluation) -> list[Row]:
    """A line a metric: its name, every arm's figure over all questions, and which are the best."""
    lines = []
    for metric, (name, best) in REPORT_METRICS.items():
        found = {arm: parts["all"][metric] for arm, parts in evaluation.figures.items() if metric in parts["all"]}
        if found:
            lines.append({"name": name, "found": found, "best": best(found.values())})
    return lines


def group_by_topic(rows: list[Row]) -> dict[str, list[Row]]:
    """Topics by the number of their rows, most first."""
    topics: dict[str, list[Row]] = {}
    for row in rows:
        topics.setdefault(row["topic"], []).append(row)
    return dict(sorted(topics.items(), key=lambda item: -len(item[1])))


def log_evaluation(evaluation: Evaluation) -> None:
    """Log metrics, the page, its pictures and the answer-by-answer table; logging twice leaves the same run."""
    import pandas as pd

    mlflow, folder = connect_mlflow(), Path(evaluation.uri)
    metrics = {
        UNSAFE_CHARACTERS.sub("_", f"eval.{arm}.{part}.{metric}"): value
        for arm, parts in evaluation.figures.items()
        for part, found in parts.items()
        for metric, value in found.items()
    }
    table = pd.DataFrame(build_answers_table(read_answers(evaluation)))
    with mlflow.start_run(run_id=evaluation.run_id):
        mlflow.log_metrics(metrics | {"eval.changed": evaluation.changed, "eval.leaks": evaluation.leaks})
        for file in (folder / REPORT_FILE, folder / "golden.jsonl", *sorted(folder.glob("*.png"))):
            mlflow.log_artifact(str(file), None if file.stem == "evaluation" else "evaluation")
        if "answers.json" in {found.path for found in mlflow.MlflowClient().list_artifacts(evaluation.run_id)}:
            mlflow.log_text(table.to_json(orient="split", index=False), "answers.json")  # log_table would append
        else:
            mlflow.log_table(table, "answers.json")


def build_answers_table(answers: dict[Arm, list[Row]]) -> list[Row]:
    """One row a question: what was asked, the truth, and each arm's answer and marks."""
    asked = ("topic", "kind", "instruction", "input", "truth")
    return [
        {key: rows[0][key] for key in asked}
        | {f"{arm}_{mark}": row[mark] for mark in TABLE_METRICS for arm, row in zip(answers, rows, strict=True)}
        | {"key": rows[0]["key"], "id": rows[0]["id"]}
        for rows in zip(*answers.values(), strict=True)
    ]
