"""Real trainings: a minute undisturbed, and some that are killed, robbed of their server, or torn."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core import signing
from pipelines.core.artifacts import Adapter, DatasetVersion
from pipelines.core.errors import Unavailable
from pipelines.core.files import digest
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.training import fine_tune as room
from pipelines.training.checkpoints import find_last_checkpoint
from pipelines.training.fine_tune import fine_tune

STAGE = """
import sys
from pathlib import Path
from pipelines.core.artifacts import DatasetVersion
from pipelines.core.plan import TrainingPlan
from pipelines.training.fine_tune import fine_tune
dataset = DatasetVersion.model_validate_json(sys.argv[1])
print(fine_tune(dataset, TrainingPlan.model_validate_json(sys.argv[2]), Path(sys.argv[3])).model_dump_json())
print("torch" in sys.modules)
"""


def apart(dataset: DatasetVersion, plan: TrainingPlan, work: Path) -> subprocess.Popen[str]:
    """The stage in a process of its own, as Airflow runs it."""
    arguments = [dataset.model_dump_json(), plan.model_dump_json(), str(work)]
    return subprocess.Popen([sys.executable, "-c", STAGE, *arguments], stdout=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, "training ended before it came so far"
        time.sleep(0.05)


def checkpoints(trained: Adapter) -> Path:
    """Where a training of the same data and plan keeps them: the adapter's folder bears the same fingerprint."""
    return settings().home / "checkpoints" / Path(trained.uri).parent.name


def test_it_learns_and_leaves_an_adapter_that_names_no_machine(trained: Adapter, steps: Any) -> None:
    losses = [loss for _, loss in steps(trained.run_id)]
    assert len(losses) == 10
    assert sum(losses[-3:]) < 0.6 * sum(losses[:3])
    folder = Path(trained.uri)
    assert {file.name for file in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert digest(folder) == trained.digest
    signing.verify(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == trained.base_model == "smollm2-135m"
    assert str(settings().home) not in (folder / "adapter_config.json").read_text()
    assert not checkpoints(trained).exists()


def test_mlflow_knows_what_was_trained_on_what(trained: Adapter, dataset: DatasetVersion, plan: TrainingPlan) -> None:
    client = connect_mlflow().MlflowClient()
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["train.lora_rank"] == str(plan.train.lora_rank)
    assert run.data.tags["dataset"] == "orders@v1"
    assert run.data.tags["plan_digest"] == plan.digest()
    assert {"template", "dataset_digest", "base_model", "git_commit", "mlflow.note.content"} <= set(run.data.tags)
    inputs = {entry.tags[0].value: entry.dataset for entry in run.inputs.dataset_inputs}
    assert set(inputs) == {"train", "heldout"}
    assert dataset.digest.startswith(inputs["train"].digest)
    assert f"{dataset.uri}/train.jsonl" in inputs["train"].source
    metrics = run.data.metrics
    assert 0 < metrics["heldout_loss"] < 3
    assert metrics["trainable"] < 0.05 * metrics["parameters"]
    assert metrics["tokens_per_second"] > 0
    # The kernel keeps the peak in other counters than the present size, a little apart.
    assert 1.01 * metrics["peak_rss_mib"] >= metrics["rss_mib"] > 0
    assert {"plan.json", "training.png"} <= {artifact.path for artifact in client.list_artifacts(trained.run_id)}


def test_run_again_it_finds_its_work_done(
    trained: Adapter, dataset: DatasetVersion, plan: TrainingPlan, room: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (room / "work").rglob("*")}
    assert fine_tune(dataset, plan, room / "work") == trained
    assert before == {path: path.stat().st_mtime_ns for path in (room / "work").rglob("*")}
    printed, _ = apart(dataset, plan, room / "work").communicate(timeout=60)
    artifact, torch_imported = printed.splitlines()[-2:]
    assert Adapter.model_validate_json(artifact) == trained
    assert torch_imported == "False"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(
    trained: Adapter, dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path, steps: Any
) -> None:
    again = fine_tune(dataset, plan, tmp_path)
    assert again.run_id != trained.run_id
    assert again.digest == trained.digest
    assert steps(again.run_id) == steps(trained.run_id)


def test_killed_in_its_second_epoch_it_goes_on_to_the_same_bytes(
    trained: Adapter, dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path, steps: Any
) -> None:
    process = apart(dataset, plan, tmp_path)
    wait_for(checkpoints(trained) / "checkpoint-8.sha256", process)
    process.kill()
    process.wait()
    interrupted = (checkpoints(trained) / "run_id").read_text()
    assert not list((tmp_path / "fine_tune").glob("[!.]*"))

    printed, _ = apart(dataset, plan, tmp_path).communicate(timeout=600)
    resumed = Adapter.model_validate_json(printed.splitlines()[-2])
    assert resumed.run_id == interrupted != trained.run_id
    assert resumed.digest == trained.digest
    assert steps(resumed.run_id) == steps(trained.run_id)


@pytest.mark.slow
def test_killed_after_its_last_step_it_trains_no_step_more(
    trained: Adapter, dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(room, "save_adapter", power_cut)
        with pytest.raises(KeyboardInterrupt):
            room.fine_tune(dataset, plan, tmp_path)
    assert (checkpoints(trained) / "checkpoint-10.sha256").exists()
    assert room.fine_tune(dataset, plan, tmp_path).digest == trained.digest


@pytest.mark.slow
def test_a_lost_server_costs_no_step(
    trained: Adapter,
    dataset: DatasetVersion,
    plan: TrainingPlan,
    tmp_path: Path,
    own_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    steps: Any,
) -> None:
    undisturbed = steps(trained.run_id)
    own_server.start()
    monkeypatch.setenv("WEAVER_TRACKING_URI", own_server.url)
    settings.cache_clear()

    def kill_in_the_middle() -> None:
        while not (checkpoints(trained) / "checkpoint-4.sha256").exists():
            time.sleep(0.05)
        own_server.kill()

    thread = threading.Thread(target=kill_in_the_middle, daemon=True)
    thread.start()
    with pytest.raises(Unavailable, match="was lost while service_advisor was trained"):
        fine_tune(dataset, plan, tmp_path / "work")
    thread.join()
    saved = int(Path(find_last_checkpoint(checkpoints(trained))).name.removeprefix("checkpoint-"))
    assert 4 < saved < 8, "the step at which the server was missed is saved, whatever train.checkpoint_steps"

    own_server.start()
    resumed = fine_tune(dataset, plan, tmp_path / "work")
    assert resumed.digest == trained.digest
    assert connect_mlflow().get_run(resumed.run_id).info.status == "FINISHED"
    assert steps(resumed.run_id) == undisturbed


def test_without_a_server_nothing_is_trained(
    dataset: DatasetVersion, plan: TrainingPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAVER_TRACKING_URI", "http://127.0.0.1:1")
    settings.cache_clear()
    with pytest.raises(Unavailable, match=r"does not answer at http://127\.0\.0\.1:1"):
        fine_tune(dataset, plan, tmp_path)


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for step in (2, 4, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "optimizer.pt").write_bytes(b"weights" * 1000)
        if step != 10:  # killed before it was complete
            folder.with_suffix(".sha256").write_text(digest(folder))
    assert find_last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-4")
    (tmp_path / "checkpoint-4" / "optimizer.pt").write_bytes(b"weights" * 999)
    assert find_last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-2")
    assert find_last_checkpoint(tmp_path / "none") is None
