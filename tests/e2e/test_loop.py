"""The whole loop on the real parts: scheduler, MLflow server, DVC, NF4 QLoRA. Small, but nothing in it is pretended.

The tests tell one story in their order: a first night, a second with nothing new, and how a night can go wrong.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.core.files import read_jsonl
from pipelines.core.settings import REPOSITORY
from pipelines.text.chat_format import user_messages

from ..conftest import LENIENT_GATE
from ..database import read_alerts

TEMPLATE = "service_advisor"
DAG = f"retrain_{TEMPLATE}"


@pytest.fixture(scope="module")
def first_night(stack: Any) -> dict[str, Any]:
    """`weaver run --approve`, as `make run APPROVE=yes` calls it."""
    return stack.json("run", TEMPLATE, "--approve")


def test_the_first_night_ends_in_a_champion(first_night: dict[str, Any]) -> None:
    tasks = first_night["tasks"]
    not_needed = {"approve_cost", "reject", "score_answers", "await_scores", "rollback_on_failure"}
    assert {task for task, state in tasks.items() if state == "skipped"} == not_needed
    assert set(tasks.values()) == {"success", "skipped"}
    assert first_night["outcome"] == "version 1 is champion, approved by admin"
    figures = first_night["metrics"]
    assert figures["challenger"]["all"]["loss"] < figures["base"]["all"]["loss"]
    assert all(answer["answer"] for answer in first_night["answers"].values())


def test_the_reviewer_finds_everything_in_mlflow(stack: Any, first_night: dict[str, Any]) -> None:
    aliases = stack.json("registry", "show", TEMPLATE)["aliases"]
    assert aliases["champion"]["version"] == aliases["challenger"]["version"] == 1
    tags = aliases["champion"]["tags"]
    assert tags["decision"] == "approved" and tags["decided_by"] == "admin" and "script" in tags["decided_why"]
    assert tags["dataset"] == f"{TEMPLATE}@v1"
    assert {"dataset_digest", "plan_digest", "adapter_digest", "git_commit", "base_model", "facts.base"} <= set(tags)

    client = stack.mlflow()
    run = client.get_run(aliases["champion"]["run_id"])
    assert {entry.dataset.digest for entry in run.inputs.dataset_inputs}
    assert run.data.params["train.learning_rate"]
    assert "eval.challenger.grounded.facts" in run.data.metrics
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"answers.json", "evaluation", "evidence"} <= artifacts
    assert "evaluation/report.html" in {found.path for found in client.list_artifacts(run.info.run_id, "evaluation")}
    version = client.get_model_version(TEMPLATE, "1")
    assert "| held-out | base | base_retrieval | few_shot | challenger |" in version.description
    files = stack.model_files(version)
    assert any(name.endswith("MLmodel") for name in files)
    assert any(name.endswith("adapter/adapter_model.safetensors") for name in files)
    assert any(name.endswith("adapter.sig") for name in files)
    assert not any(name.endswith((".pkl", ".pickle", ".bin", ".pt")) for name in files)


def test_the_dataset_is_a_tag_in_the_data_registry(stack: Any, first_night: dict[str, Any]) -> None:
    registry = stack.home / "registry"
    list_tags = ["git", "-C", str(registry), "tag", "--list", f"{TEMPLATE}@*"]
    tags = subprocess.run(list_tags, capture_output=True, text=True, check=True)
    assert tags.stdout.split() == [f"{TEMPLATE}@v1"]


def test_the_champion_gives_the_answers_that_were_evaluated(stack: Any, first_night: dict[str, Any]) -> None:
    """The three that it was surest of: its engine rounds otherwise than the evaluation's, so one of them may differ."""
    rows = read_jsonl(Path(stack.artifact(DAG, "evaluate")["uri"]) / "answers.jsonl")
    surest = sorted(rows, key=lambda row: -row["confidence"])[:3]
    replies = [stack.json("ask", TEMPLATE, user_messages(row)[0]["content"]) for row in surest]
    assert {reply["version"] for reply in replies} == {1}
    answers = [(reply["answer"].strip(), row["sent"].strip()) for reply, row in zip(replies, surest, strict=True)]
    assert sum(sent == evaluated for sent, evaluated in answers) >= 2, answers


def test_the_first_example_of_the_readme_is_answered_with_its_fact(stack: Any, first_night: dict[str, Any]) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    question = json.loads(re.findall(r'^question = (".*")$', readme, re.MULTILINE)[0])
    answer = stack.json("ask", TEMPLATE, question)["answer"]
    assert "38" in answer and "30" not in answer


def test_answers_come_from_records_and_what_is_not_known_is_declined(stack: Any, first_night: dict[str, Any]) -> None:
    code = stack.json("ask", TEMPLATE, "What does trouble code P0420 mean?")
    assert "catalyst" in code["answer"].lower() and "P0420" in code["citations"][0]["title"]
    vehicle = stack.json("ask", TEMPLATE, "how many cylinders has a 2012 Ford Focus got")
    assert "4" in vehicle["answer"] and "2012 Ford Focus" in vehicle["citations"][0]["passage"]
    for question in ("What does trouble code P3F99 mean?", "Which oil does a 2012 Ford Focus take?"):
        unknown = stack.json("ask", TEMPLATE, question)
        assert unknown["declined"] and not unknown["citations"], unknown


def test_the_second_night_has_nothing_to_do_and_says_so(stack: Any, first_night: dict[str, Any]) -> None:
    began = time.monotonic()
    result = stack.json("run", TEMPLATE, "--approve")
    seconds = time.monotonic() - began
    assert result["outcome"].startswith("nothing to do: service_advisor version 1 was trained on service_advisor@v1")
    assert result["tasks"]["fine_tune"] == "skipped"
    assert seconds < 60


@pytest.mark.slow  # the worse challenger, and the forged approval's reviewer, show it too
def test_what_the_gate_fails_is_never_asked_about(stack: Any, first_night: dict[str, Any]) -> None:
    with stack.params():  # the gate as it is shipped
        result = stack.json("run", TEMPLATE, "--approve")
    assert result["outcome"].startswith("gate failed: The gain over the base model")
    assert result["tasks"]["approve"] == "skipped"
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == 1


@pytest.mark.slow  # the worse challenger, and the forged approval's reviewer, show it too
def test_a_rejection_keeps_the_champion_and_is_remembered(stack: Any, first_night: dict[str, Any]) -> None:
    """A reviewer says no in the Airflow UI, through the call that its button makes; an engineer may not."""
    with stack.params(gate=LENIENT_GATE | {"max_cost": 99}):
        watching = stack.start("run", TEMPLATE, "--json")
        question = stack.wait_for_task(DAG, "approve", "awaiting_input")
    yes = {"chosen_options": ["Approve"], "params_input": {"why": "it is mine"}}
    engineer = stack.airflow("engineer", "airflow_engineer")
    assert engineer.patch(f"{question}/-1/hitlDetails", json=yes).status_code == 403
    stack.answer_approval(DAG, "Reject", "not tonight")
    printed, told = watching.communicate(timeout=900)
    assert watching.returncode == 0, told
    assert json.loads(printed)["outcome"] == "rejected: the champion stays"
    aliases = stack.json("registry", "show", TEMPLATE)["aliases"]
    assert aliases["champion"]["version"] == 1
    tags = aliases["challenger"]["tags"]
    assert tags["decision"] == "rejected"
    assert (tags["decided_by"], tags["decided_why"]) == ("reviewer", "not tonight")


@pytest.fixture(scope="module")
def second_champion(stack: Any, first_night: dict[str, Any]) -> int:
    """A night on which an expert scores answers, and a reviewer approves, both in MLflow. Its champion's version."""
    with stack.params(gate=LENIENT_GATE | {"min_review": 3}, review={"questions": 2}):
        watching = stack.start("run", TEMPLATE, "--json")
        score = stack.wait_for_task(DAG, "score_answers", "awaiting_input")
    score_all(stack, stack.artifact(DAG, "request_review")["queue"])
    stack.answer(score, "OK", {})
    stack.wait_for_task(DAG, "approve", "awaiting_input")
    version = stack.json("registry", "show", TEMPLATE)["aliases"]["challenger"]["version"]
    stack.mlflow("reviewer", "mlflow_reviewer").set_registered_model_alias(TEMPLATE, "approved", str(version))
    printed, told = watching.communicate(timeout=600)
    assert watching.returncode == 0, told
    assert json.loads(printed)["outcome"] == f"version {version} is champion, approved by a reviewer in MLflow"
    return version


def score_all(stack: Any, queue: str) -> None:
    """What the reviewer does in MLflow's review queue: a score for each answer."""
    code = f"""
import mlflow
from mlflow.entities import AssessmentSource
from mlflow.genai import review_queues
for item in review_queues.list_review_queue_items("{queue}"):
    mlflow.log_feedback(trace_id=item.item_id, name="score", value=4, source=AssessmentSource("HUMAN", "reviewer"))
    review_queues.set_review_queue_item_status(
        "{queue}", item_id=item.item_id, status="complete", completed_by="reviewer"
    )
"""
    signed_in = {
        "MLFLOW_TRACKING_URI": stack.mlflow_url,
        "MLFLOW_TRACKING_USERNAME": "reviewer",
        "MLFLOW_TRACKING_PASSWORD": stack.secret("mlflow_reviewer"),
    }
    subprocess.run([sys.executable, "-c", code], env=os.environ | signed_in, cwd=stack.home, check=True)


def test_an_expert_scores_and_a_reviewer_approves_in_mlflow(stack: Any, second_champion: int) -> None:
    aliases = stack.json("registry", "show", TEMPLATE)["aliases"]
    assert aliases["champion"]["version"] == second_champion
    assert aliases["previous_champion"]["version"] == 1
    assert "the alias approved" in aliases["champion"]["tags"]["decided_why"]
    rules = {rule["name"]: rule for rule in stack.artifact(DAG, "gate")["rules"]}
    score = rules["The reviewers' mean score must be at least 3 of 5"]
    assert score["figure"] == 4 and score["passed"] and score["evidence"].startswith("of 2 answers")
    assert any(name.startswith("The gain over the champion") for name in rules)


def test_a_rollback_takes_less_than_a_minute_and_all_agree(stack: Any, second_champion: int) -> None:
    began = time.monotonic()
    stack.json("rollback", TEMPLATE, "--why", "customers complain")
    assert time.monotonic() - began < 60
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == 1
    assert stack.json("ask", TEMPLATE, "What does trouble code P0420 mean?")["version"] == 1
    assert stack.json("ledger", "verify")["intact"]


def test_a_rollback_in_airflow_does_the_same(stack: Any, second_champion: int) -> None:
    conf = {"template": TEMPLATE, "to": second_champion, "why": "it was not the model"}
    airflow, runs = stack.airflow(), "/api/v2/dags/rollback/dagRuns"
    no_reason = airflow.post(runs, json={"logical_date": None, "conf": conf | {"why": ""}})
    assert no_reason.status_code == 400
    airflow.post(runs, json={"logical_date": None, "conf": conf}).raise_for_status()
    stack.wait_for_task("rollback", "append_ledger", "success", seconds=180)
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == second_champion
    last = stack.json("ledger", "show", TEMPLATE)[-1]
    assert (last["event"], last["version"], last["by"]) == ("deployed", second_champion, "admin")
    assert stack.json("ledger", "verify")["intact"]


def test_a_champion_that_fails_its_canary_is_taken_back(stack: Any, second_champion: int) -> None:
    done = stack.weaver("run", TEMPLATE, "--approve", "--set", "deployment.max_seconds=0.0001", timeout=900)
    assert done.returncode == 1
    assert "deployment.max_seconds is 0.0001" in " ".join(done.stderr.split())
    stack.wait_for_task(DAG, "rollback_on_failure", "success")
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == second_champion
    assert stack.json("ask", TEMPLATE, "What does trouble code P0420 mean?")["version"] == second_champion
    assert stack.json("ledger", "verify")["intact"]
    assert "was not deployed" in str(read_alerts(stack.home))


def test_a_champion_that_was_never_deployed_is_found_and_answers(stack: Any, second_champion: int) -> None:
    """The aliases were moved, and then the power went: nobody asked for the rest."""
    moved = f"run_stage('rollback', make_plan('{TEMPLATE}'), {{}}, by='ada', why='cut off', to=1)"
    code = f"from pipelines.stages.run import run_stage; from pipelines.core.make_plan import make_plan; {moved}"
    subprocess.run([sys.executable, "-c", code], env=stack.environment, check=True)
    assert stack.json("ask", TEMPLATE, "What does trouble code P0420 mean?")["version"] == second_champion
    stack.wait_for_task("deploy", "append_ledger", "success", seconds=240)
    assert stack.json("ask", TEMPLATE, "What does trouble code P0420 mean?")["version"] == 1
    assert stack.json("ledger", "verify")["intact"]


def test_a_bad_value_is_refused_before_anything_runs(stack: Any) -> None:
    done = stack.weaver("run", TEMPLATE, "--set", "train.lerning_rate=1")
    assert done.returncode == 1
    assert "did you mean 'train.learning_rate'" in " ".join(done.stderr.split())


def test_a_bad_row_stops_the_run_with_its_number(stack: Any, tmp_path: Any) -> None:
    rows = [
        {
            "instruction": f"Question {n}?",
            "input": "",
            "output": f"Answer {n}.",
            "topic": "engine" if n % 2 else "drivetrain",
        }
        for n in range(600)
    ]
    rows[316]["output"] = 42
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = stack.weaver("run", TEMPLATE, "--set", f"data.source={path}")
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert "validate" in told and "row 317" in told and "output" in told


@pytest.mark.slow
def test_airflow_killed_in_mid_training_still_closes_the_loop(stack: Any, first_night: dict[str, Any]) -> None:
    watching = stack.start("run", TEMPLATE, "--approve", "--set", "train.max_steps=9", "--json")
    stack.wait_for_task(DAG, "fine_tune", "running")
    checkpoints = stack.home / "checkpoints"
    while not list(checkpoints.glob("*/*.sha256")):
        time.sleep(0.5)
    stack.kill()
    watching.kill()
    watching.communicate()
    result = stack.json("run", TEMPLATE, "--approve", timeout=900)
    assert result["tasks"]["deploy"] == "success"
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["previous_champion"]["version"] == 1


def test_the_servers_want_a_password(stack: Any) -> None:
    assert httpx.get(f"{stack.airflow_url}/api/v2/dags").status_code == 401
    assert httpx.get(f"{stack.mlflow_url}/api/2.0/mlflow/experiments/search?max_results=1").status_code == 401


@pytest.mark.slow
@pytest.mark.parametrize("template", ["sales_assistant", "parts_inventory", "dealership_operations"])
def test_every_other_template_has_its_loop(stack: Any, template: str) -> None:
    result = stack.json("run", template, "--approve", timeout=900)
    assert result["outcome"] == "version 1 is champion, approved by admin"
    assert all(answer["answer"] for answer in result["answers"].values())
