"""Reindexing: build an index beside the live one, check it by the index gate, switch to it, log it to MLflow.

Each stage can be killed and run again; the live index changes in `switch_live_index` alone, in one step. What became
of the newest version stays in a file beside the index, which `weaver knowledge status` shows.
"""

import logging
from datetime import UTC, datetime

from pipelines.alerts import alert
from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import DatasetVersion, IndexBuild, IndexVerdict
from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.knowledge.documents import recut_documents
from pipelines.knowledge.held_out import collect_questions
from pipelines.knowledge.index import (
    VERIFIED,
    build_index,
    collect_passages,
    live_version,
    open_table,
    switch_index,
)
from pipelines.knowledge.index_gate import (
    WORSE,
    Answered,
    compare_versions,
    find_reasons,
    measure_index,
    share_gone,
)
from pipelines.knowledge.index_verdict import digest_documents, verdict_file
from pipelines.knowledge.live import load_version

log = logging.getLogger(__name__)


def rebuild_index(plan: TrainingPlan) -> IndexBuild:
    """Build a version from the template's sources and documents as they are now, beside the live one.

    What was embedded before, also by a build that was killed, is not embedded again.

    Raises:
        WeaverError: a source is not known or cannot be read, or the disk is full; the live index is as it was.
    """
    recut_documents(plan)
    documents = digest_documents(plan.template)  # before they are read: what comes later is built another time
    built = build_index(plan.template, collect_passages(plan))._asdict()
    return IndexBuild(name=plan.template, live=built.pop("base"), documents=documents, **built)


def check_index(build: IndexBuild, dataset: DatasetVersion, plan: TrainingPlan) -> IndexVerdict:
    """Compare the new version with the live one; where it is live already, with the newest that passed.

    A version that fails raises an alert, and the live one stays.

    Args:
        dataset: whose held-out rows are asked; version 0: there is none yet.
    """
    table = open_table(build.name)
    other = live_version(table) if live_version(table) != build.version else live_version(table, VERIFIED)
    verdict = judge_index(build, 0 if other == build.version else other, dataset, plan)
    verdict.save(verdict_file(build.name))
    log.info("%s: version %d of the knowledge index %s", build.name, build.version, verdict.reason)
    if not verdict.passed:
        alert(
            f"The new version {build.version} of the knowledge index of {build.name} {verdict.reason}. "
            + remedy(verdict),
            key=f"{build.name}.index",
            template=build.name,
        )
    return verdict


def remedy(verdict: IndexVerdict) -> str:
    """What to do about a version that failed."""
    if verdict.build.live == verdict.version:
        return (
            f"It is live: documents were added since version {verdict.compared_with} passed. Remove those that are in "
            f"the way, or accept it with `weaver knowledge sync {verdict.name}`."
        )
    return (
        f"Version {verdict.compared_with} stays live. `weaver knowledge status {verdict.name}` names the questions; "
        f"`weaver knowledge sync {verdict.name}` makes it live all the same."
    )


def judge_index(build: IndexBuild, other: int, dataset: DatasetVersion, plan: TrainingPlan) -> IndexVerdict:
    """The verdict on a version, without anything being changed.

    Args:
        other: the version that it is compared with; 0: none.
    """
    shown = plan.serving.retrieval
    new = load_version(build.name, build.version)
    kept, gone, before = new.passages, 0.0, list[Answered]()
    ids = {passage.id for passage in kept}
    if other:
        del new  # two indexes of 100,000 passages take 2 GiB
        index = load_version(build.name, other)
        questions = collect_questions(plan, dataset, index.passages, ids)
        before, gone = measure_index(index, questions, shown), share_gone(index.passages, kept)
        del index
        new = load_version(build.name, build.version)
    else:
        questions = collect_questions(plan, dataset, kept, ids)
    answered = measure_index(new, questions, shown)
    metrics = list(compare_versions(questions, answered, before, plan.evaluate))
    reasons = list(find_reasons(metrics, gone))
    against = f"is not proven worse than version {other}" if other else "is the first"
    return IndexVerdict(
        name=build.name,
        version=build.version,
        compared_with=other,
        passed=not reasons,
        reason=f"failed: {'; '.join(reasons)}" if reasons else f"passed: it {against}, by {len(questions)} questions",
        metrics=metrics,
        worse=[
            question.text
            for question, one, earlier in zip(questions, answered, before, strict=False)
            if (one.ndcg_at_10, one.facts or 0) < (earlier.ndcg_at_10, earlier.facts or 0)
        ][:WORSE],
        build=build,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        is_live=build.live == build.version,
    )


def switch_live_index(verdict: IndexVerdict, plan: TrainingPlan) -> IndexVerdict:
    """Make a version live that passed; where another one went live meanwhile, that one stays.

    Raises:
        WeaverError: it did not pass.
    """
    if not verdict.passed:
        raise WeaverError(
            f"version {verdict.version} of the knowledge index of {verdict.name} did not pass: {verdict.reason}",
            remedy(verdict),
        )
    is_live = switch_index(plan.template, verdict.version, instead_of=verdict.build.live, verified=True)
    if not is_live:
        log.info("%s: the live index has changed since version %d was built", plan.template, verdict.version)
    return verdict.model_copy(update={"is_live": is_live}).save(verdict_file(plan.template))


def log_index_run(verdict: IndexVerdict, plan: TrainingPlan) -> IndexVerdict:
    """Log a version with its metrics as a run of the template's experiment, once.

    Raises:
        Unavailable: MLflow does not answer; the index does not depend on it. Run this stage again.
    """
    mlflow = connect_mlflow()
    experiment = mlflow.set_experiment(plan.template).experiment_id
    key = {"stage": "check_index", "index_version": str(verdict.version), "index_checked": verdict.at}
    query = " and ".join(f"tags.{name} = '{value}'" for name, value in key.items())
    existing = mlflow.search_runs([experiment], filter_string=query, output_format="list")
    if existing and existing[0].info.status == "FINISHED":
        return verdict
    build = verdict.build.model_dump(include={"passages", "added", "changed", "removed", "embedded", "seconds"})
    metrics = {f"index.{name}": float(value) for name, value in build.items()}
    for metric in verdict.metrics:
        metrics[f"index.{metric.name}"] = metric.value
        if metric.before is not None:
            metrics |= {f"index.{metric.name}.{name}": getattr(metric, name) for name in ("before", "low", "high")}
    run = {"run_id": existing[0].info.run_id} if existing else {"run_name": f"index {verdict.at[:16]}"}
    with mlflow.start_run(**run, tags=key | {"index_passed": str(verdict.passed).lower()}):
        mlflow.log_metrics(metrics)
        mlflow.log_dict(verdict.model_dump(mode="json"), "index_verdict.json")
    return verdict
