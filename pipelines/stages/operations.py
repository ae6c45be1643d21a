"""The part of the table that runs beside the retraining: monitoring, and the index of the knowledge base."""

from pipelines.stages.stage import Stage

OPERATIONS = {
    # ---- monitoring
    "fetch_deployed_version": Stage(
        "monitoring",
        "registry.deployed_version",
        (),
        "Look up the deployed version in the ledger.",
        nightly=False,
    ),
    "fetch_training_dataset": Stage(
        "monitoring",
        "datasets.versions",
        ("fetch_deployed_version",),
        "Fetch the dataset version that the deployed version was trained on.",
        nightly=False,
    ),
    "detect_drift": Stage(
        "monitoring",
        "monitoring.drift.detect_drift",
        ("fetch_deployed_version", "fetch_training_dataset", "collect"),
        "Compare requests, answers and newly collected rows with the reference (Evidently).",
        settings=("drift", "serving"),
        nightly=False,
    ),
    "emit_drift_event": Stage(
        "monitoring",
        "monitoring.drift.detect_drift",
        ("detect_drift",),
        "Emit the event that starts a retraining, and record why.",
        nightly=False,
    ),
    # ---- knowledge
    "rebuild_index": Stage(
        "knowledge",
        "knowledge.reindex",
        (),
        "Build a version of the knowledge index from today's documents and records, beside the live one.",
        nightly=False,
    ),
    "fetch_latest_dataset": Stage(
        "knowledge",
        "datasets.versions",
        (),
        "Fetch the newest dataset version, whose held-out questions the index must answer.",
        nightly=False,
    ),
    "check_index": Stage(
        "knowledge",
        "knowledge.reindex",
        ("rebuild_index", "fetch_latest_dataset"),
        "Search the new and the live version with held-out questions, and compare them (the index gate).",
        nightly=False,
    ),
    "switch_live_index": Stage(
        "knowledge",
        "knowledge.reindex",
        ("check_index",),
        "Make the new version live, in one step.",
        nightly=False,
    ),
    "log_index_run": Stage(
        "knowledge",
        "knowledge.reindex",
        ("check_index",),
        "Log the new version with its metrics to MLflow.",
        nightly=False,
    ),
}
