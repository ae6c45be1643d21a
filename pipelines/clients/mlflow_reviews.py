"""Reviews of answers by experts in MLflow: evaluation requests them, feedback makes training examples of them.

A reviewed answer is a trace with the tag `review`; its score, comment and correction are assessments on it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pipelines.clients.mlflow import connect_mlflow

REVIEW_TAG = "review"  # its value ends with the version that answered
SCORE = "score"  # feedback, from 1 (wrong or harmful) to 5 (as the expert would have answered)
CORRECTION = "expected_response"  # an expectation, under the name that MLflow's own judges use


class ExpertReview(NamedTuple):
    """One expert's review of one answer."""

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
    """The latest assessment with a value, because experts may change theirs; None if there is none."""
    with_value = [assessment for assessment in assessments if assessment.value is not None]
    return max(with_value, key=lambda assessment: assessment.last_update_time_ms, default=None)


def read_score(trace: Any) -> float | None:
    """The latest score on a trace, from 1 to 5; None without one."""
    score = newest_assessment(trace.search_assessments(name=SCORE, type="feedback"))
    return float(score.value) if score else None


def read_reviews(template: str) -> Iterator[ExpertReview]:
    """The reviews of a template's answers by experts, in all queues.

    Raises:
        Unavailable: MLflow does not answer.
    """
    mlflow = connect_mlflow()
    experiment = mlflow.get_experiment_by_name(template)
    if experiment is None:
        return
    query = f"tag.{REVIEW_TAG} LIKE '{template} version %'"
    traces = mlflow.search_traces(locations=[experiment.experiment_id], filter_string=query, return_type="list")
    for trace in traces:
        assessments = [*trace.search_assessments(name=SCORE), *trace.search_assessments(name=CORRECTION)]
        sources = (assessment.source for assessment in assessments)
        experts = {source.source_id for source in sources if source.source_type == "HUMAN"}
        span = trace.data.spans[0]
        for expert in sorted(experts):
            own = [assessment for assessment in assessments if assessment.source.source_id == expert]
            score = newest_assessment([assessment for assessment in own if assessment.name == SCORE])
            correction = newest_assessment([assessment for assessment in own if assessment.name == CORRECTION])
            yield ExpertReview(
                id=trace.info.trace_id,
                at=max(assessment.last_update_time_ms for assessment in own) / 1000,
                by=expert,
                version=int(trace.info.tags[REVIEW_TAG].rpartition(" ")[2]),
                messages=span.inputs["messages"],
                answer=span.outputs["choices"][0]["message"]["content"],
                score=float(score.value) if score else 0.0,
                comment=(score.rationale or "") if score else "",
                correction=str(correction.value) if correction else "",
            )
