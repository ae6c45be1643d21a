"""The index gate: a new version of an index may go live if it is not proven worse than the live one.

Both versions are searched with the same held-out questions. A metric fails if the whole paired interval of its
difference lies below 0, as for the slices of a model (`registry/gate_rules`): a version that differs by chance passes.
Records of a kit may not disappear unnoticed either: most of them are asked about by no held-out question, and with
fewer records the others are found more easily.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipelines.core.artifacts import IndexMetric
from pipelines.core.plan import Evaluate
from pipelines.knowledge.held_out import HeldOutQuestion
from pipelines.knowledge.retrieval_metrics import DEEP, count_facts, judge
from pipelines.knowledge.search import KnowledgeIndex
from pipelines.statistics.paired_bootstrap import bootstrap_interval
from pipelines.text.passages import Passage

METRICS = {"recall_at_5": "recall@5", "ndcg_at_10": "nDCG@10", "facts": "the share of facts right"}
MAX_GONE = 0.02  # share of the records of kits that a new version may lack
SHOWN = 3  # passages whose facts count, where the template does not say how many it shows
WORSE = 20  # questions that a verdict names


class Answered(NamedTuple):
    """How a version of an index did with one question; shares from 0 to 1."""

    recall_at_5: float
    ndcg_at_10: float
    facts: float | None  # None: it has none


def measure_index(index: KnowledgeIndex, questions: Sequence[HeldOutQuestion], shown: int) -> list[Answered]:
    """Search an index with each question.

    Args:
        shown: the number of passages whose facts count: those that an answer is made from.
    """
    answered = []
    for question in questions:
        ranking = [hit.passage for hit in index.search(question.text, DEEP).hits]
        relevance = judge(ranking, question.is_answered_by)
        facts = count_facts(ranking[: shown or SHOWN], question.facts)
        answered.append(Answered(relevance.recall_at_5, relevance.ndcg_at_10, facts))
    return answered


def compare_versions(
    questions: Sequence[HeldOutQuestion], new: Sequence[Answered], before: Sequence[Answered], settings: Evaluate
) -> Iterator[IndexMetric]:
    """Each metric over the questions that have it.

    Args:
        before: of the version that the new one is compared with; empty: there is none.
    """
    for name in METRICS:
        numbers = [number for number, answered in enumerate(new) if getattr(answered, name) is not None]
        if not numbers:
            continue
        values = [getattr(new[number], name) for number in numbers]
        clusters = [questions[number].cluster for number in numbers]
        metric = IndexMetric(
            name=name, value=sum(values) / len(values), questions=len(values), clusters=len(set(clusters))
        )
        if before:
            earlier = [getattr(before[number], name) for number in numbers]
            interval = bootstrap_interval(values, earlier, clusters, settings.confidence, settings.resamples)
            update = {"before": sum(earlier) / len(earlier), "low": interval.low, "high": interval.high}
            metric = metric.model_copy(update=update)
        yield metric


def find_reasons(metrics: Sequence[IndexMetric], gone: float) -> Iterator[str]:
    """Why a version may not go live; nothing if it may.

    Args:
        gone: share of the records of kits that the compared version has and the new one lacks.
    """
    for metric in metrics:
        if metric.before is not None and metric.high < 0:
            yield (
                f"{METRICS[metric.name]} falls from {metric.before:.1%} to {metric.value:.1%} (interval of the "
                f"difference {100 * metric.low:+.1f} to {100 * metric.high:+.1f} percentage points; "
                f"{metric.questions} questions about {metric.clusters} records)"
            )
    if gone > MAX_GONE:
        yield f"{gone:.1%} of the kit's records are gone; at most {MAX_GONE:.0%} may be"


def share_gone(before: Sequence[Passage], new: Sequence[Passage]) -> float:
    """The share of the records of kits in one version that another lacks; 0 without any."""
    ids = {passage.id for passage in new}
    records = [passage.id for passage in before if not passage.of_document]
    return sum(id_ not in ids for id_ in records) / (len(records) or 1)
