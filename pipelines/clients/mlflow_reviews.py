"""What experts say of answers in MLflow: of evaluation, which asks them, and of feedback, which learns from them.

A reviewed answer is a trace with the tag `review`; a score, its comment and what the answer should have been are
assessments on it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pipelines.clients.mlflow import connect_mlflow

REVIEW_TAG = "review"  # its value ends with the version that answered
SCORE = "score"  # feedback, from 1 (wrong or harmful) to 5 (as I would have said it)
CORRECTION = "expected_response"  # an expectation, under the name that MLflow's own judges use


class ExpertReview(NamedTuple):
    """What one expert said of one answer."""

    id: str  # of the trace
    at: float  # epoch seconds
    by: str
    version: int
    messages: list[dict[str, str]]
    answer: str
    score: float  # 0: none
    comment: str
    correction: str


def newest_assessment(assessments: list[Any]) -> Any:
    """The latest that says something, or None: an expert may think again."""
    said = [found for found in assessments if found.value is not None]
    return max(said, key=lambda found: found.last_update_time_ms, default=None)


def read_score(trace: Any) -> float | None:
    score = newest_assessment(trace.search_assessments(name=SCORE, type="feedback"))
    return float(score.value) if score else None


def read_reviews(template: str) -> Iterator[ExpertReview]:
    """What experts said of a template's answers, in whatever queue.

    Raises:
        Unavailable: MLflow does not answer.
    """
    mlflow = connect_mlflow()
    experiment = mlflow.get_experiment_by_name(template)
    if experiment is None:
        return
    place, asked = [experiment.experiment_id], f"tag.{REVIEW_TAG} LIKE '{template} version %'"
    for trace in mlflow.search_traces(locations=place, filter_string=asked, return_type="list"):
        said = [*trace.search_assessments(name=SCORE), *trace.search_assessments(name=CORRECTION)]
        people = {found.source.source_id for found in said if found.source.source_type == "HUMAN"}
        span = trace.data.spans[0]
        for person in sorted(people):
            own = [found for found in said if found.source.source_id == person]
            score = newest_assessment([found for found in own if found.name == SCORE])
            correction = newest_assessment([found for found in own if found.name == CORRECTION])
            yield ExpertReview(
                id=trace.info.trace_id,
                at=max(found.last_update_time_ms for found in own) / 1000,
                by=person,
                version=int(trace.info.tags[REVIEW_TAG].rpartition(" ")[2]),
                messages=span.inputs["messages"],
                answer=span.outputs["choices"][0]["message"]["content"],
                score=float(score.value) if score else 0.0,
                comment=(score.rationale or "") if score else "",
                correction=str(correction.value) if correction else "",
            )
