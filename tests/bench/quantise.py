"""The champion in every quantisation that is served on CPUs: how fast it answers, and how well."""

import statistics
from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.core.files import read_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Base
from pipelines.core.settings import settings
from pipelines.costs.cost_store import QuantisationResult, save_row
from pipelines.datasets.versions import checkout_latest
from pipelines.evaluation.evaluate import sample_by_topic
from pipelines.evaluation.metrics import score_answer
from pipelines.registry.champion import fetch_champion
from pipelines.training.export import export_adapter
from tests.bench.served import Answer, ask, served

FORMS = ("int8", "int4")


def run(template: str, questions: int = 60) -> dict[str, Any]:
    """Ask both forms the same held-out questions, one at a time, in turn.

    Returns:
        of each form the seconds per answer, by processor time on its threads, and the mean score; loss: how much lower
        int4 scores, and loss_high, the upper end of its 95% interval over the questions (paired, Student's t). Each
        form is kept in the ledger of costs.

    Raises:
        WeaverError: the template has no champion, or no dataset.
    """
    plan, champion = make_plan(template), fetch_champion(make_plan(template), settings().home / "bench" / template)
    if champion.adapter is None:
        raise WeaverError(f"{template} has no champion yet", f"Run `weaver run {template}` first.")
    rows = sample_by_topic(read_jsonl(Path(checkout_latest(template).uri) / "heldout.jsonl"), questions)
    base, work = Base.model_validate(champion.base), settings().home / "bench" / template
    answers: dict[str, list[Answer]] = {}
    for form in FORMS:
        deployment = plan.deployment.model_copy(update={"quantisation": form, "backends": ["llama_cpp"]})
        with served(export_adapter(champion.adapter, base, deployment, work) / "model.gguf", plan) as server:
            ask(server, rows[0], plan)  # the first warms up
            answers[form] = [ask(server, row, plan) for row in rows]
    scores = {
        form: [
            float(score_answer(row, answer.text)["score"] or 0) for row, answer in zip(rows, form_answers, strict=True)
        ]
        for form, form_answers in answers.items()
    }
    loss, high = lost(scores["int8"], scores["int4"])
    figures: dict[str, Any] = {}
    for form, form_answers in answers.items():
        measured = QuantisationResult(
            template=template,
            version=str(champion.version),
            form=form,
            seconds=statistics.fmean(answer.processor_seconds for answer in form_answers) / plan.deployment.threads,
            score=statistics.fmean(scores[form]),
            loss_high=high if form == "int4" else 0.0,
            questions=len(rows),
        )
        save_row(measured)
        figures |= {f"{form}_seconds": measured.seconds, f"{form}_score": measured.score}
    return figures | {"loss": loss, "loss_high": high, "questions": len(rows), "version": champion.version}


def lost(before: list[float], after: list[float]) -> tuple[float, float]:
    """The mean paired loss, and the upper end of its 95% interval."""
    from scipy import stats

    losses = [one - other for one, other in zip(before, after, strict=True)]
    mean = statistics.fmean(losses)
    if len(set(losses)) == 1:
        return mean, mean
    return mean, float(stats.ttest_1samp(losses, 0).confidence_interval(0.95).high)
