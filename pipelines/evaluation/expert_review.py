"""The review and scores stages: an expert scores a sample of answers in MLflow's review queue, before the gate."""

from pathlib import Path
from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.clients.mlflow_reviews import REVIEW_TAG, SCORE, read_score
from pipelines.core.artifacts import Candidate, Evaluation, Review, ReviewScores
from pipelines.core.files import read_jsonl
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.evaluation.evaluate import sample_by_topic

SCORE_SCALE = (
    "1: wrong or harmful · 2: misleading · 3: right, but I would not say it so · 4: good · 5: as I would have said it"
)
REVIEWER = "reviewer"


def request_review(candidate: Candidate, evaluation: Evaluation, plan: TrainingPlan) -> Review:
    """Put the challenger's answers to some held-out questions, evenly over topics, into a review queue; twice is once.

    Each is a trace of the run that trained the challenger, so that scores stay beside the figures.
    """
    if not plan.review.questions:
        return Review()
    from mlflow.genai import review_queues

    mlflow = connect_mlflow()
    experiment = mlflow.get_run(candidate.run_id).info.experiment_id
    rows = sample_by_topic(read_jsonl(Path(evaluation.uri) / "answers.jsonl"), plan.review.questions)
    queue = find_or_create_queue(f"{candidate.name} version {candidate.version}", experiment)
    if not review_queues.list_review_queue_items(queue.queue_id):  # they are attached all at once
        with mlflow.start_run(run_id=candidate.run_id):
            traces = [log_answer_trace(mlflow, row, queue.name) for row in rows]
        mlflow.flush_trace_async_logging()
        for trace, row in zip(traces, rows, strict=True):
            mlflow.log_expectation(trace_id=trace, name="truth", value=row["truth"])
        review_queues.add_items_to_review_queue(queue.queue_id, item_ids=traces)
    url = f"{settings().mlflow_url}/#/experiments/{experiment}/review-queue?selectedQueueId={queue.queue_id}"
    return Review(queue=queue.queue_id, url=url, questions=len(rows))


def log_answer_trace(mlflow: Any, row: dict[str, Any], queue: str) -> str:
    """Log one question and its answer as a trace, in the form that MLflow draws as a conversation; returns its id."""
    question = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    with mlflow.start_span(row["topic"]) as span:
        span.set_inputs({"messages": [{"role": "user", "content": question}]})
        span.set_outputs({"choices": [{"message": {"role": "assistant", "content": row["answer"]}}]})
        mlflow.update_current_trace(tags={REVIEW_TAG: queue})
    return str(span.trace_id)


def find_or_create_queue(name: str, experiment: str) -> Any:
    """The queue of this name, with the one question that it asks of every answer."""
    from mlflow.genai import label_schemas, review_queues

    queues = review_queues.list_review_queues(experiment_id=experiment, max_results=1000)
    if found := next((queue for queue in queues if queue.name == name), None):
        return found
    known = label_schemas.list_label_schemas(experiment_id=experiment)
    schema = next((schema for schema in known if schema.name == SCORE), None) or label_schemas.create_label_schema(
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
    """How many answers still wait for the expert."""
    if not review.questions:
        return 0
    connect_mlflow()
    from mlflow.genai import review_queues

    return len(review_queues.list_review_queue_items(review.queue, status="pending", max_results=1000))


def collect_scores(review: Review) -> ReviewScores:
    """The mean of the scores given; an answer that the expert declined to score has no say."""
    if not review.questions:
        return ReviewScores()
    mlflow = connect_mlflow()
    from mlflow.genai import review_queues

    items = review_queues.list_review_queue_items(review.queue, status="complete", max_results=1000)
    given = [value for item in items if (value := read_score(mlflow.get_trace(item.item_id))) is not None]
    return ReviewScores(questions=len(given), mean=sum(given) / len(given) if given else 0.0)
