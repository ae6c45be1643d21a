"""Real studies of trainings of three steps: nested in MLflow, stopped by their budget, pruned, killed, and applied."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest

from pipelines.cli.main import main
from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings, work_folder
from pipelines.core.template_edit import create_template
from pipelines.training.base_model import prepare_base
from pipelines.training.tune import Tuning, split_validation_rows, tune
from pipelines.training.tune_study import current_parameters, next_trial, open_study, search_space, to_train_settings

TEMPLATE = "night_desk"
SHORT = {"train.batch_size": 4, "train.max_steps": 3, "train.checkpoint_steps": 1, "train.learning_rate": 1e-4}

CHILD = """
import sys
from pipelines.core.artifacts import DatasetVersion
from pipelines.core.plan import TrainingPlan
from pipelines.training.tune import tune
tune(DatasetVersion.model_validate_json(sys.argv[1]), TrainingPlan.model_validate_json(sys.argv[2]), 3, 1)
"""


@pytest.fixture
def own_template(room: Path) -> Path:
    """A dealership's own template, as it was before any test wrote to it."""
    file = settings().templates / f"{TEMPLATE}.yaml"
    file.unlink(missing_ok=True)
    return create_template(TEMPLATE, like="service_advisor")


@pytest.fixture
def plan(own_template: Path) -> TrainingPlan:
    return make_plan(TEMPLATE, SHORT)


@pytest.fixture(scope="session")
def orders(dataset: DatasetVersion, tmp_path_factory: pytest.TempPathFactory) -> DatasetVersion:
    """The two dozen rows, two to a group."""
    folder = tmp_path_factory.mktemp("orders")
    for split in ("train", "heldout"):
        rows = read_jsonl(Path(dataset.uri) / f"{split}.jsonl")
        topics = [{"topic": "bay" if row["input"] else "unknown"} for row in rows]
        groups = [{"group": f"{split} {number // 2}"} for number in range(len(rows))]
        write_jsonl(folder / f"{split}.jsonl", map(dict.__or__, map(dict.__or__, rows, topics), groups))
    return dataset.model_copy(update={"uri": str(folder), "digest": digest(folder)})


@pytest.fixture
def tuned(orders: DatasetVersion, plan: TrainingPlan) -> Tuning:
    """A study of two trials: trained by the first test that asks for it, found by the others."""
    return tune(orders, plan, trials=2, hours=1)


def children(tuning: Tuning) -> list[Any]:
    """The runs inside the tuning's run, in the order of their start."""
    mlflow = connect_mlflow()
    experiment = mlflow.get_experiment_by_name(TEMPLATE).experiment_id
    inside = f"tags.mlflow.parentRunId = '{tuning.run_id}'"
    return mlflow.MlflowClient().search_runs([experiment], inside, order_by=["start_time"])


@pytest.mark.slow
def test_a_budget_stops_it_and_the_next_call_carries_on(orders: DatasetVersion, plan: TrainingPlan) -> None:
    stopped = tune(orders, plan, trials=2, hours=1e-6)
    assert len(stopped.trials) == 1, "the current values are always trained"
    assert stopped.stop_reason.startswith("1 of 2 trials: 1e-06 hours leave no time for another trial of ")
    assert stopped.best == stopped.current
    assert {f"train.{name}" for name in stopped.best.settings} < set(plan.flat())
    assert all(plan.flat()[f"train.{name}"] == value for name, value in stopped.best.settings.items())

    whole = tune(orders, plan, trials=2, hours=1)
    assert (len(whole.trials), whole.stop_reason, whole.run_id) == (2, "", stopped.run_id)
    assert whole.trials[0] == stopped.trials[0]
    assert whole.trials[1].settings != whole.trials[0].settings
    assert whole.best.loss < whole.current.loss
    assert not list(Path(whole.uri).rglob("*.safetensors")), "no trial's model is kept"
    assert tune(orders, plan, trials=1, hours=1) == whole
    assert len(children(whole)) == 2


@pytest.mark.slow
def test_every_trial_is_a_run_inside_the_tunings_own(tuned: Tuning, orders: DatasetVersion) -> None:
    client = connect_mlflow().MlflowClient()
    parent = client.get_run(tuned.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == f"tune {orders.tag}"
    artifacts = {artifact.path for artifact in client.list_artifacts(tuned.run_id)}
    assert artifacts == {"best.json", "history.png", "importances.png", "slice.png"}
    best = connect_mlflow().artifacts.load_dict(f"runs:/{tuned.run_id}/best.json")
    assert best["best"] == tuned.best.model_dump()

    for trial, run in zip(tuned.trials, children(tuned), strict=False):
        assert (run.info.run_name, run.info.status) == (f"trial {trial.number}", "FINISHED")
        assert run.data.tags["state"] == trial.state == "complete"
        assert run.data.metrics["validation_loss"] == trial.loss
        logged = {name: run.data.params[f"train.{name}"] for name in trial.settings}
        assert logged == {name: str(value) for name, value in trial.settings.items()}
        looks = client.get_metric_history(run.info.run_id, "validation_loss")
        assert [look.step for look in looks] == [1, 2, 3]
        assert {entry.tags[0].value for entry in run.inputs.dataset_inputs} == {"train", "heldout"}


@pytest.mark.slow
def test_killed_in_mid_trial_it_goes_on_and_repeats_nothing(
    tuned: Tuning, orders: DatasetVersion, plan: TrainingPlan, steps: Any
) -> None:
    before = len(children(tuned))
    arguments = [orders.model_dump_json(), plan.model_dump_json()]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments])
    while not list(Path(tuned.uri, "checkpoints").glob("*/checkpoint-1.sha256")):
        assert child.poll() is None, "the trial ended before it came so far"
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    runs = children(tuned)
    assert len(runs) == before + 1
    assert runs[-1].info.status == "RUNNING"

    resumed = tune(orders, plan, trials=3, hours=1)
    assert resumed.trials[:2] == tuned.trials
    assert len(resumed.trials) == 3
    assert [run.info.run_id for run in children(resumed)] == [run.info.run_id for run in runs]
    assert connect_mlflow().get_run(runs[-1].info.run_id).info.status == "FINISHED"
    assert [step for step, _ in steps(runs[-1].info.run_id)] == [1, 2, 3]
    study = open_study(Path(resumed.uri), plan)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 2 + ["FAIL", "COMPLETE"], "the third twice"
    assert study.trials[2].params == study.trials[3].params


@pytest.mark.slow
def test_a_trial_behind_the_median_is_pruned(orders: DatasetVersion, plan: TrainingPlan, tmp_path: Path) -> None:
    from pipelines.training.tune_trial import open_tuning_run, run_trial

    split_validation_rows(orders, 17, tmp_path)
    study = open_study(tmp_path, plan)
    for _ in range(3):
        better = {1: 0.1, 2: 0.1, 3: 0.1}
        values = {
            "params": current_parameters(plan.train),
            "distributions": search_space(plan.train),
            "intermediate_values": better,
        }
        study.add_trial(optuna.create_trial(value=0.1, **values))
    carved = orders.model_copy(update={"uri": str(tmp_path)})
    with open_tuning_run(carved, plan, tmp_path / "run_id") as (_, run_id), pytest.raises(optuna.TrialPruned):
        run_trial(
            next_trial(study, plan, 3), "trial 3", prepare_base(plan.base), carved, plan, tmp_path / "checkpoints"
        )

    memory = (tmp_path / "checkpoints" / "run_id").read_text()
    run = connect_mlflow().get_run(memory)
    assert run.data.tags["mlflow.parentRunId"] == run_id
    assert run.data.tags["state"] == "pruned"
    losses = connect_mlflow().MlflowClient().get_metric_history(memory, "loss")
    assert [loss.step for loss in losses] == [1], "the other two steps were saved"


@pytest.mark.slow
def test_the_best_values_are_written_into_the_template(
    tuned: Tuning, orders: DatasetVersion, plan: TrainingPlan, own_template: Path
) -> None:
    before = own_template.read_text()
    applied = tune(orders, plan, trials=2, hours=1, apply=True)
    assert applied.applied == str(own_template)
    assert own_template.read_text().startswith(before), "comments and all"
    train = make_plan(TEMPLATE).train.model_dump()
    assert {name: train[name] for name in applied.best.settings} == applied.best.settings
    assert train["max_steps"] == -1, "what was set for the tuning alone is not written"


def test_validation_rows_come_from_training_rows_alone_and_share_no_group(
    orders: DatasetVersion, tmp_path: Path
) -> None:
    split_validation_rows(orders, 17, tmp_path)
    train, validation = (read_jsonl(tmp_path / f"{split}.jsonl") for split in ("train", "heldout"))
    given = read_jsonl(Path(orders.uri) / "train.jsonl")
    assert sorted(map(str, train + validation)) == sorted(map(str, given))
    assert len(validation) in (4, 6)
    assert not {row["group"] for row in train} & {row["group"] for row in validation}
    assert {row["topic"] for row in validation} == {"bay", "unknown"}


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_the_space_holds_the_present_values_and_needs_no_more_memory(
    profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAVER_PROFILE", profile)
    settings.cache_clear()
    train = make_plan("service_advisor").train
    searched = search_space(train)
    for name, value in current_parameters(train).items():
        assert searched[name]._contains(searched[name].to_internal_repr(value)), name
    assert max(searched["batch_size"].choices) == train.batch_size
    now = to_train_settings(current_parameters(train))
    assert now == {name: getattr(train, name) for name in now}
    assert len(now) == 7
    assert "epochs" not in search_space(make_plan("service_advisor", SHORT).train)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, "The number of trials is 0"),
        ({"hours": 0}, "The time limit is 0 hours"),
        ({"hours": float("nan")}, "The time limit is nan hours"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    orders: DatasetVersion, plan: TrainingPlan, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(WeaverError, match=message):
        tune(orders, plan, **({"trials": 1, "hours": 1} | changes))


def test_a_packaged_template_is_not_written_to(orders: DatasetVersion) -> None:
    plan = make_plan("service_advisor", SHORT)
    with pytest.raises(WeaverError, match="weaver template new my_service_advisor --like service_advisor"):
        tune(orders, plan, trials=1, hours=1, apply=True)


def test_too_few_groups_are_told_before_anything_is_trained(
    orders: DatasetVersion, plan: TrainingPlan, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "train.jsonl", [{"group": "one", "topic": "bay", "instruction": "?"}] * 9)
    few = orders.model_copy(update={"uri": str(tmp_path), "digest": "few"})
    with pytest.raises(WeaverError, match="9 training rows in 1 group;"):
        tune(few, plan, trials=1, hours=1)


def weaver(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["weaver", "tune", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
        sys.exit(0)
    return ended.value.code


def test_the_verb_needs_a_template_and_its_dataset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_template: Path
) -> None:
    assert weaver(monkeypatch, "night_dsk") == 1
    assert "there is no template 'night_dsk'; did you mean 'night_desk'" in capsys.readouterr().err
    (work_folder(TEMPLATE) / "commit_dataset.json").unlink(missing_ok=True)
    assert weaver(monkeypatch, TEMPLATE) == 1
    assert f"Run `weaver collect-feedback {TEMPLATE}` first." in capsys.readouterr().err


@pytest.mark.slow
def test_the_verb_shows_the_best_beside_the_present_values(
    tuned: Tuning, orders: DatasetVersion, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    orders.save(work_folder(TEMPLATE) / "commit_dataset.json")
    typed = [text for key, value in SHORT.items() for text in ("--set", f"{key}={value}")]
    assert weaver(monkeypatch, TEMPLATE, "--trials", "2", *typed, "--json") == 0
    told = capsys.readouterr()
    assert Tuning.model_validate(json.loads(told.out)).best == tuned.best
    assert f"Trial {tuned.best.number} is the best" in told.err
    assert f"{tuned.current.loss:.4f} with the current values" in told.err
