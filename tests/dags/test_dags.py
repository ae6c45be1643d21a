"""The DAG files load, quickly, and say what they should."""

import pytest

from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files, load_template
from pipelines.stages.table import STAGES


def test_every_template_has_its_dag_and_nothing_fails_to_import(loaded: dict) -> None:
    dags, import_errors = loaded["dags"], loaded["errors"]
    assert dags and not import_errors
    families = {f"{family}_{name}" for family in ("retrain", "monitor") for name in find_template_files()}
    looks_up = {f"reindex_{name}" for name in find_template_files() if load_template(name).knowledge.sources}
    assert set(dags) == {"deploy", "rollback", "tune", "alerts", "digest", *families, *looks_up}


def test_parsing_is_fast_because_nothing_heavy_is_imported(loaded: dict) -> None:
    assert loaded["heavy"] == []
    # Processor seconds of the same process, so that a slow or busy machine makes no difference.
    assert loaded["parse_seconds"] < loaded["airflow_import_seconds"] / 3, "all templates"


CONTROL = {  # what decides whether a task of the retraining runs, beside the artifacts that it takes: task → after
    "plan": ["wait_for_turn"],
    "collect_feedback": ["plan"],
    "has_new_data": ["commit_dataset", "commit_preferences"],
    "estimate_cost": ["has_new_data"],
    "exceeds_budget": ["estimate_cost"],
    "approve_cost": ["exceeds_budget"],
    "within_budget": ["approve_cost", "exceeds_budget"],
    "fine_tune": ["within_budget"],
    "fetch_champion": ["within_budget"],
    "needs_review": ["request_review"],
    "score_answers": ["needs_review"],
    "await_scores": ["score_answers"],
    "collect_scores": ["await_scores"],
    "gate_passed": ["gate"],
    "collect_evidence": ["gate_passed"],
    "approve": ["collect_evidence"],
    "await_mlflow_approval": ["collect_evidence"],
    "decided": ["approve"],
    "promote": ["decided"],
    "reject": ["decided"],
    "rollback_on_failure": ["deploy"],
}


def edges(
    control: dict[str, list[str]], stages: set[str], made_by: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """task → the tasks before it: the stages that it takes the artifacts of, and what decides whether it runs."""
    takes = {name: {(made_by or {}).get(source, source) for source in STAGES[name].takes} for name in stages}
    return {task: sorted(takes.get(task, set()) | set(control.get(task, []))) for task in stages | set(control)}


def upstream(dag: dict) -> dict[str, list[str]]:
    return {task["id"]: task["up"] for task in dag["tasks"]}


def test_the_edges_of_a_retraining_are_those_of_the_table(loaded: dict) -> None:
    dag = loaded["dags"]["retrain_service_advisor"]
    stages = {name for name, stage in STAGES.items() if stage.nightly}
    assert upstream(dag) == edges({"wait_for_turn": []} | CONTROL, stages)


def test_the_groups_of_a_retraining_are_those_of_the_table_and_follow_each_other(loaded: dict) -> None:
    tasks = {task["id"]: task for task in loaded["dags"]["retrain_service_advisor"]["tasks"]}
    for name, stage in STAGES.items():
        if stage.nightly:
            assert tasks[name]["group"] == stage.group, name
    order = [None, "data", "training", "evaluation", "approval", "release"]
    assert [group for group in order if any(task["group"] == group for task in tasks.values())] == order
    for task in tasks.values():
        for before in task["up"]:
            assert order.index(tasks[before]["group"]) <= order.index(task["group"]), (before, task["id"])


def test_a_stage_whose_inputs_were_skipped_is_skipped(loaded: dict) -> None:
    """Every stage waits for the success of all its inputs. What stops a run skips all that follows, at once."""
    for dag in loaded["dags"].values():
        rules = {task["id"]: task["trigger_rule"] for task in dag["tasks"] if task["trigger_rule"] != "all_success"}
        allowed = {
            "within_budget": "none_failed_min_one_success",  # nobody was asked: approve_cost was skipped
            "collect_scores": "none_failed_min_one_success",  # nobody was asked for scores
            "deploy": "none_failed_min_one_success",  # of the DAGs deploy and rollback: nothing had to be exported
            "rollback_on_failure": "one_failed",
        }
        assert rules.items() <= allowed.items()
        for task in dag["tasks"]:
            if task["short_circuit"]:
                assert task["ignores_rules"] == (task["id"] != "needs_review"), task["id"]


def test_what_ends_a_run_early_stands_before_all_that_it_must_stop(loaded: dict) -> None:
    dag = loaded["dags"]["retrain_service_advisor"]
    stops = {"has_new_data": "training", "within_budget": "training", "gate_passed": "approval"}
    groups = ["data", "training", "evaluation", "approval", "release"]
    for stop, first in stops.items():
        after = downstream(upstream(dag), stop)
        asked = {"estimate_cost", "exceeds_budget", "approve_cost"} if stop == "within_budget" else set()
        for task in dag["tasks"]:
            if task["group"] and groups.index(task["group"]) >= groups.index(first) and task["id"] != stop:
                assert task["id"] in after | asked, f"{stop} does not stop {task['id']}"


def downstream(up: dict[str, list[str]], task: str) -> set[str]:
    after: set[str] = set()
    waiting = [task]
    while waiting:
        before = waiting.pop()
        new = {name for name, sources in up.items() if before in sources} - after
        after |= new
        waiting += new
    return after


def test_a_stage_says_what_it_does_and_takes(loaded: dict) -> None:
    for dag in loaded["dags"].values():
        for task in dag["tasks"]:
            if task["id"] in STAGES and task["id"] not in ("promote", "reject"):
                stage = STAGES[task["id"]]
                assert stage.help in task["doc"]
                assert all(f"`{source}`" in task["doc"] for source in stage.takes)
                assert task["pool"] == (stage.pool or "default_pool")


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
    assert tasks["within_budget"]["trigger_rule"] == "none_failed_min_one_success"
    assert {name: task["outlets"] for name, task in tasks.items() if task["outlets"]} == {
        "fine_tune": ["dataset_service_advisor"]
    }
    assert dag["approve_cost"] == {"defaults": None, "assigned": dag["assigned"]}
    assert tasks["estimate_cost"]["pool"] == "training"


def test_no_answer_is_no_approval_and_only_reviewers_are_asked(loaded: dict) -> None:
    dag = loaded["dags"]["retrain_service_advisor"]
    assert dag["defaults"] is None
    assert dag["assigned"] == ["reviewer", "admin"], "not the service account"


def test_the_trigger_form_is_the_template_prefilled(loaded: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_PROFILE", "cpu")
    settings.cache_clear()
    form = loaded["dags"]["retrain_service_advisor"]["params"]
    flat = make_plan("service_advisor").flat()
    assert form["train.learning_rate"] == flat["train.learning_rate"]
    settings.cache_clear()
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
    control = {
        "plan": [],
        first: ["plan"],
        "is_published": [first],
        "fetch_champion": ["is_published"],
        "deploy": ["is_published"],
    }
    stages = {first, "fetch_champion", "rebuild_export", "deploy", "append_ledger"}
    assert upstream(dag) == edges(control, stages, made_by={"promote": first, "export": "rebuild_export"})
    assert tasks["deploy"]["trigger_rule"] == "none_failed_min_one_success"
    assert tasks["rebuild_export"]["pool"] == "training"
    assert all(task["retries"] >= 1 for task in tasks.values())
    assert dag["timetable"] is None and dag["max_active_runs"] == 1
    assert set(dag["params"]) == ({"template", "to", "why"} if name == "rollback" else {"template"})


def test_monitoring_follows_the_table_and_ends_in_an_event(loaded: dict) -> None:
    dag = loaded["dags"]["monitor_service_advisor"]
    control = {
        "is_due": [],
        "plan": ["is_due"],
        "collect_feedback": ["plan"],
        "fetch_deployed_version": ["plan"],
        "has_drifted": ["detect_drift"],
        "emit_drift_event": ["has_drifted"],
    }
    stages = {"collect_feedback", "collect", *(name for name, stage in STAGES.items() if stage.group == "monitoring")}
    assert upstream(dag) == edges(control, stages)
    assert {task["id"]: task["outlets"] for task in dag["tasks"] if task["outlets"]} == {
        "emit_drift_event": ["drift_service_advisor"]
    }
    assert all(task["retries"] >= 1 for task in dag["tasks"])
    assert dag["timetable"] == "7 * * * *" and dag["max_active_runs"] == 1


def test_a_reindexing_follows_the_table_and_only_what_passed_goes_live(loaded: dict) -> None:
    dag = loaded["dags"]["reindex_service_advisor"]
    control = {
        "plan": [],
        "rebuild_index": ["plan"],
        "fetch_latest_dataset": ["plan"],
        "index_passed": ["check_index"],
        "switch_live_index": ["index_passed"],
    }
    stages = {name for name, stage in STAGES.items() if stage.group == "knowledge"}
    assert upstream(dag) == edges(control, stages)
    assert "index_passed" not in upstream(dag)["log_index_run"], "a refused index is logged too"
    assert all(task["retries"] >= 1 for task in dag["tasks"])
    assert dag["timetable"] == "30 3 * * 0" and dag["max_active_runs"] == 1
    assert dag["assets"] == ["dataset_service_advisor", "documents_service_advisor"]


def test_a_retraining_starts_at_night_or_by_its_own_drift(loaded: dict) -> None:
    for name in find_template_files():
        dag = loaded["dags"][f"retrain_{name}"]
        assert dag["timetable"] and dag["asset"] == f"drift_{name}"


def test_tuning_is_started_by_hand_for_any_template(loaded: dict) -> None:
    dag = loaded["dags"]["tune"]
    stages = {"collect_feedback", "collect", "validate", "refine", "commit_dataset"}
    assert upstream(dag) == edges({"plan": [], "collect_feedback": ["plan"], "tune": ["commit_dataset"]}, stages)
    assert next(task["pool"] for task in dag["tasks"] if task["id"] == "tune") == "training"
    assert all(task["retries"] >= 1 for task in dag["tasks"])
    assert dag["timetable"] is None
    assert dag["params"]["template"] in find_template_files()
    assert dag["params"]["apply"] is False
