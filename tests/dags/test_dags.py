"""The DAG files load, quickly, and say what they should."""

import json
import os
import subprocess
import sys

import pytest

from pipelines.core.make_plan import make_plan
from pipelines.core.settings import REPOSITORY
from pipelines.core.templates import find_template_files
from pipelines.stages.table import STAGES

LOAD = """
import compileall, json, sys, time
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
for folder in ("pipelines", "dags", "plugins"):  # once on a machine; what counts is every parse after that
    compileall.compile_dir(folder, quiet=2)
began = time.process_time()
bag = BundleDagBag(bundle_path=Path("dags").resolve(), bundle_name="dags-folder")
parsed = time.process_time() - began
print(json.dumps({
    "errors": bag.import_errors,
    "seconds": parsed,
    "heavy": [name for name in ("torch", "mlflow", "pandas", "great_expectations", "dvc") if name in sys.modules],
    "dags": {
        dag.dag_id: {
            "doc": dag.doc_md, "tags": sorted(dag.tags), "owner": dag.owner, "params": dag.params.dump(),
            "deadline": [(alert.interval.total_seconds(), alert.callback.path) for alert in dag.deadline or []],
            "timetable": getattr(getattr(dag.timetable, "timetable", dag.timetable), "_expression", None),
            "asset": getattr(getattr(dag.timetable, "asset_condition", None), "name", None),
            "max_active_runs": dag.max_active_runs,
            "tasks": [
                {"id": t.task_id, "up": sorted(t.upstream_task_ids), "retries": t.retries, "pool": t.pool,
                 "trigger_rule": t.trigger_rule, "outlets": [asset.name for asset in t.outlets],
                 "on_failure": [type(c).__name__ for c in t.on_failure_callback],
                 "on_retry": len(t.on_retry_callback)}
                for t in dag.topological_sort()
            ],
            **({
                "defaults": dag.get_task("approve").defaults,
                "assigned": [user["id"] for user in dag.get_task("approve").assigned_users],
                "approve_cost": {
                    "defaults": dag.get_task("approve_cost").defaults,
                    "assigned": [user["id"] for user in dag.get_task("approve_cost").assigned_users],
                },
            } if dag.has_task("approve") else {}),
        } for dag in bag.dags.values()
    },
}))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a fresh DAG processor sees: a process of its own, so that nothing is imported yet."""
    home = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "WEAVER_PROFILE": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_template_has_its_dag_and_nothing_fails_to_import(loaded: dict) -> None:
    dags, import_errors = loaded["dags"], loaded["errors"]
    assert dags and not import_errors
    families = {f"{family}_{name}" for family in ("retrain", "monitor") for name in find_template_files()}
    assert set(dags) == {"deploy", "rollback", "tune", "alerts", "digest", *families}


def test_parsing_is_fast_because_nothing_heavy_is_imported(loaded: dict) -> None:
    assert loaded["heavy"] == []
    assert loaded["seconds"] < 0.5, "processor seconds for all templates"


def test_the_dag_reads_like_the_loop(loaded: dict) -> None:
    tasks = loaded["dags"]["retrain_service_advisor"]["tasks"]
    asides = {
        "wait_for_turn",
        "plan",
        "has_new_data",
        "exceeds_budget",
        "within_budget",
        "gate_passed",
        "decided",
        "rollback_on_failure",
    }
    people = {"approve_cost", "needs_review", "score_answers", "await_scores", "approve", "await_mlflow_approval"}
    stages = {name: stage for name, stage in STAGES.items() if stage.nightly}
    assert {task["id"] for task in tasks} == asides | people | set(stages)
    order = [task["id"] for task in tasks]
    for stage, spec in stages.items():
        for source in spec.takes:
            assert order.index(source) < order.index(stage)
    upstream = {task["id"]: task["up"] for task in tasks}
    assert upstream["estimate_cost"] == ["has_new_data"]
    assert upstream["approve_cost"] == ["exceeds_budget"]
    assert upstream["render_data_report"] == ["within_budget"]
    assert upstream["fine_tune"] == ["render_data_report"] and upstream["train_dpo"] == ["fine_tune"]
    assert upstream["gate_passed"] == ["gate"]
    assert upstream["approve"] == upstream["await_mlflow_approval"] == ["collect_evidence"]
    assert upstream["promote"] == upstream["reject"] == ["decided"]
    assert upstream["deploy"] == ["promote"] and upstream["append_ledger"] == upstream["rollback_on_failure"] == [
        "deploy"
    ]
    assert next(task for task in tasks if task["id"] == "rollback_on_failure")["trigger_rule"] == "one_failed"


def test_a_run_survives_a_restart_and_trains_alone(loaded: dict) -> None:
    dag = loaded["dags"]["retrain_service_advisor"]
    assert all(task["retries"] >= 1 for task in dag["tasks"])
    pools = {task["id"]: task["pool"] for task in dag["tasks"]}
    assert pools["fine_tune"] == pools["train_dpo"] == "training"
    assert dag["tasks"][0]["id"] == "wait_for_turn"
    assert dag["max_active_runs"] == 4, "they wait for their turn where a person sees it"


def test_every_task_tells_when_it_fails_for_good_and_not_when_it_is_tried_again(loaded: dict) -> None:
    for dag in loaded["dags"].values():
        assert all(task["on_failure"] == ["WeaverNotifier"] for task in dag["tasks"])
        assert not any(task["on_retry"] for task in dag["tasks"])


def test_a_nightly_run_has_a_deadline(loaded: dict) -> None:
    dags = loaded["dags"]
    assert dags["retrain_service_advisor"]["deadline"] == [[10 * 3600, "weaver_plugins.notifier.WeaverNotifier"]]
    assert not dags["rollback"]["deadline"]


def test_over_budget_a_person_is_asked_and_the_dataset_is_withheld_until_then(loaded: dict) -> None:
    dag = loaded["dags"]["retrain_service_advisor"]
    tasks = {task["id"]: task for task in dag["tasks"]}
    assert tasks["within_budget"]["up"] == ["approve_cost", "exceeds_budget"]
    assert tasks["within_budget"]["trigger_rule"] == "none_failed_min_one_success"
    assert {name: task["outlets"] for name, task in tasks.items() if task["outlets"]} == {
        "render_data_report": ["version_service_advisor"]
    }
    assert dag["approve_cost"] == {"defaults": None, "assigned": dag["assigned"]}
    assert tasks["estimate_cost"]["pool"] == "training"


def test_no_answer_is_no_approval_and_only_reviewers_are_asked(loaded: dict) -> None:
    dag = loaded["dags"]["retrain_service_advisor"]
    assert dag["defaults"] is None
    assert dag["assigned"] == ["reviewer", "admin"], "not the service account"


def test_the_trigger_form_is_the_template_prefilled(loaded: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_PROFILE", "cpu")
    form = loaded["dags"]["retrain_service_advisor"]["params"]
    flat = make_plan("service_advisor").flat()
    assert form["train.learning_rate"] == flat["train.learning_rate"]
    assert {key: flat[key] for key in form} == form


def test_owner_tags_and_docs_say_what_it_is_for(loaded: dict) -> None:
    dag = loaded["dags"]["retrain_service_advisor"]
    assert dag["owner"] == "service-department"
    assert "service_advisor" in dag["tags"]
    assert "Service Advisor" in dag["doc"]
    assert dag["timetable"] == "0 2 * * *"


@pytest.mark.parametrize(("name", "first"), [("rollback", "rollback"), ("deploy", "resolve_champion")])
def test_what_answers_again_is_exported_only_if_it_is_not_published(loaded: dict, name: str, first: str) -> None:
    dag = loaded["dags"][name]
    tasks = {task["id"]: task for task in dag["tasks"]}
    assert {name: task["up"] for name, task in tasks.items()} == {
        "plan": [],
        first: ["plan"],
        "is_published": [first],
        "fetch_champion": ["is_published"],
        "rebuild_export": ["fetch_champion"],
        "deploy": ["is_published", "rebuild_export"],
        "append_ledger": ["deploy"],
    }
    assert tasks["deploy"]["trigger_rule"] == "none_failed_min_one_success"
    assert tasks["rebuild_export"]["pool"] == "training"
    assert all(task["retries"] >= 1 for task in tasks.values())
    assert dag["timetable"] is None and dag["max_active_runs"] == 1
    assert set(dag["params"]) == ({"template", "to", "why"} if name == "rollback" else {"template"})


def test_monitoring_reads_like_its_sentence_and_ends_in_an_event(loaded: dict) -> None:
    dag = loaded["dags"]["monitor_service_advisor"]
    order = [
        "is_due",
        "plan",
        "collect_feedback",
        "collect",
        "fetch_deployed_version",
        "fetch_training_dataset",
        "detect_drift",
        "has_drifted",
        "emit_drift_event",
    ]
    assert [task["id"] for task in dag["tasks"]] == order
    assert [task["up"] for task in dag["tasks"]] == [[], *([task] for task in order[:-1])]
    assert {task["id"]: task["outlets"] for task in dag["tasks"] if task["outlets"]} == {
        "emit_drift_event": ["drift_service_advisor"]
    }
    assert all(task["retries"] >= 1 for task in dag["tasks"])
    assert dag["timetable"] == "7 * * * *" and dag["max_active_runs"] == 1


def test_a_retraining_starts_at_night_or_by_its_own_drift(loaded: dict) -> None:
    for name in find_template_files():
        dag = loaded["dags"][f"retrain_{name}"]
        assert dag["timetable"] and dag["asset"] == f"drift_{name}"


def test_tuning_is_started_by_hand_for_any_template(loaded: dict) -> None:
    dag = loaded["dags"]["tune"]
    order = ["plan", "collect_feedback", "collect", "validate", "refine", "commit_dataset", "tune"]
    assert [task["id"] for task in dag["tasks"]] == order
    assert [task["up"] for task in dag["tasks"]] == [[], *([task] for task in order[:-1])]
    assert dag["tasks"][-1]["pool"] == "training"
    assert all(task["retries"] >= 1 for task in dag["tasks"])
    assert dag["timetable"] is None
    assert dag["params"]["template"] in find_template_files()
    assert dag["params"]["apply"] is False
