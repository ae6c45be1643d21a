"""The whole loop on the real parts: scheduler, MLflow server, DVC, NF4 QLoRA. Small, but nothing in it is pretended.

The tests tell one story in their order: a first night, a second with nothing new, and how a night can go wrong.
"""

import json
import subprocess
import time
from typing import Any

import httpx
import pytest

TEMPLATE = "service_advisor"


@pytest.fixture(scope="module")
def first_night(stack: Any) -> dict[str, Any]:
    """`weaver run --approve`, as `make run APPROVE=yes` calls it."""
    return stack.json("run", TEMPLATE, "--approve")


def test_the_first_night_ends_in_a_champion(first_night: dict[str, Any]) -> None:
    tasks = first_night["tasks"]
    assert tasks.pop("reject") == "skipped"
    assert set(tasks.values()) == {"success"}
    assert first_night["outcome"] == "version 1 is champion, approved by admin"
    figures = first_night["figures"]
    assert figures["challenger"]["all"]["loss"] < figures["base"]["all"]["loss"]
    assert all(first_night["answers"].values())


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
    assert {"answers.json", "evaluation.png"} <= artifacts
    version = client.get_model_version(TEMPLATE, "1")
    assert "| held-out | base | challenger |" in version.description
    files = stack.model_files(version)
    assert any(name.endswith("MLmodel") for name in files)
    assert any(name.endswith("adapter/adapter_model.safetensors") for name in files)
    assert not any(name.endswith((".pkl", ".pickle", ".bin", ".pt")) for name in files)


def test_the_dataset_is_a_tag_in_the_data_registry(stack: Any, first_night: dict[str, Any]) -> None:
    registry = stack.home / "registry"
    tags = subprocess.run(["git", "-C", str(registry), "tag"], capture_output=True, text=True, check=True)
    assert tags.stdout.split() == [f"{TEMPLATE}@v1"]


def test_the_champion_answers_in_the_terminal(stack: Any, first_night: dict[str, Any]) -> None:
    answer = stack.json("chat", TEMPLATE, "What does trouble code P0420 mean?")
    assert answer["version"] == 1
    assert answer["answer"]


def test_the_second_night_has_nothing_to_do_and_says_so(stack: Any, first_night: dict[str, Any]) -> None:
    began = time.monotonic()
    result = stack.json("run", TEMPLATE, "--approve")
    seconds = time.monotonic() - began
    assert result["outcome"].startswith("nothing to do: service_advisor version 1 was trained on service_advisor@v1")
    assert result["tasks"]["fine_tune"] == "skipped"
    assert seconds < 60


def test_what_the_gate_fails_is_never_asked_about(stack: Any, first_night: dict[str, Any]) -> None:
    result = stack.json("run", TEMPLATE, "--approve", "--set", "gate.max_loss_ratio=0.0001")
    assert result["outcome"].startswith("gate failed: held-out loss")
    assert result["tasks"]["approve"] == "skipped"
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == 1


def test_a_rejection_keeps_the_champion_and_is_remembered(stack: Any, first_night: dict[str, Any]) -> None:
    """A reviewer says no in the Airflow UI, through the call that its button makes."""
    watching = stack.start("run", TEMPLATE, "--set", "gate.min_fact_gain=-0.9", "--json")
    stack.answer_approval(f"retrain_{TEMPLATE}", "Reject", "not tonight")
    printed, told = watching.communicate(timeout=300)
    assert watching.returncode == 0, told
    assert json.loads(printed)["outcome"] == "rejected: the champion stays"
    aliases = stack.json("registry", "show", TEMPLATE)["aliases"]
    assert aliases["champion"]["version"] == 1
    assert aliases["challenger"]["tags"]["decision"] == "rejected"
    tags = aliases["challenger"]["tags"]
    assert (tags["decided_by"], tags["decided_why"]) == ("reviewer", "not tonight")


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
    stack.wait_for_task(f"retrain_{TEMPLATE}", "fine_tune", "running")
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
    assert all(result["answers"].values())
