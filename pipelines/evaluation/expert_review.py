"""The request_review and collect_scores stages: an expert scores a sample of answers in MLflow's review queue."""

from pathlib import Path
from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.clients.mlflow_reviews import REVIEW_TAG, SCORE, read_score
from pipelines.core.artifacts import Candidate, Evaluation, Review, ReviewScores
from pipelines.core.files import read_jsonl
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.evaluation.evaluate import sample_by_topic

SCORE_SCALE = "1: wrong or harmful · 2: misleading · 3: correct, but badly put · 4: good · 5: as I would have put it"
REVIEWER = "reviewer"


def request_review(candidate: Candidate, evaluation: Evaluation, plan: TrainingPlan) -> Review:
    """Put the challenger's answers to some held-out questions, evenly over topics, into a review queue. Idempotent.

    Each answer is a trace of the run that trained the challenger, so that scores are kept beside its metrics.

    Returns:
        The queue; an empty review if the plan asks for none.
    """
    if not plan.review.questions:
        return Review()
    from mlflow.genai import review_queues

    mlflow = connect_mlflow()
    experiment = mlflow.get_run(candidate.run_id).info.experiment_id
    rows = sample_by_topic(read_jsonl(Path(evaluation.uri) / "answers.jsonl"), plan.review.questions)
    queue = find_or_create_queue(f"{candidate.name} version {candidate.version}", experiment)
    if not review_queues.list_review_queue_items(queue.queue_id):  # all are added at once
        with mlflow.start_run(run_id=candidate.run_id):
            traces = [log_answer_trace(mlflow, row, queue.name) for row in rows]
        mlflow.flush_trace_async_logging()
        for trace, row in zip(traces, rows, strict=True):
            mlflow.log_expectation(trace_id=trace, name="truth", value=row["truth"])
        review_queues.add_items_to_review_queue(queue.queue_id, item_ids=traces)
    url = f"{settings().mlflow_url}/#/experiments/{experiment}/review-queue?selectedQueueId={queue.queue_id}"
    return Review(queue=queue.queue_id, url=url, questions=len(rows))


def log_answer_trace(mlflow: Any, row: dict[str, Any], queue: str) -> str:
    """Log one question and its answer as a trace that MLflow shows as a conversation; return the trace's id."""
    question = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    with mlflow.start_span(row["topic"]) as span:
        span.set_inputs({"messages": [{"role": "user", "content": question}]})
        span.set_outputs({"choices": [{"message": {"role": "assistant", "content": row["answer"]}}]})
        mlflow.update_current_trace(tags={REVIEW_TAG: queue})
    return str(span.trace_id)


def find_or_create_queue(name: str, experiment: str) -> Any:
    """Return the review queue of this name, which asks for a score of each answer; create it if it does not exist."""
    from mlflow.genai import label_schemas, review_queues

    queues = review_queues.list_review_queues(experiment_id=experiment, max_results=1000)
    if existing := next((queue for queue in queues if queue.name == name), None):
        return existing
    schemas = label_schemas.list_label_schemas(experiment_id=experiment)
    schema = next((schema for schema in schemas if schema.name == SCORE), None) or label_schemas.create_label_schema(
        SCORE,
        type="feedback",
        input=label_schemas.InputNumeric(min_value=1, max_value=5),
        instruction=SCORE_SCALE,
        enable_comment=True,
        experiment_id=experiment,
    )
    return review_queues.create_review_queue(
        name, queue_type="custom", users=[REVIEWER], schema_ids=[schema.schema_id], experiment_id=experiment
    )


def count_pending(review: Review) -> int:
    """Number of answers that are not scored yet."""
    if not review.questions:
        return 0
    connect_mlflow()
    from mlflow.genai import review_queues

    return len(review_queues.list_review_queue_items(review.queue, status="pending", max_results=1000))


def collect_scores(review: Review) -> ReviewScores:
    """Return the mean of the given scores, 1 to 5; an answer that the expert declined to score does not count."""
    if not review.questions:
        return ReviewScores()
    mlflow = connect_mlflow()
    from mlflow.genai import review_queues

    items = review_queues.list_review_queue_items(review.queue, status="complete", max_results=1000)
    scores = [value for item in items if (value := read_score(mlflow.get_trace(item.item_id))) is not None]
    return ReviewScores(questions=len(scores), mean=sum(scores) / len(scores) if scores else 0.0)
