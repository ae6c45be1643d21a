"""The Optuna study of a hyper-parameter tuning: its search space around a plan's current values, and its storage."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.plan import Train, TrainingPlan

if TYPE_CHECKING:
    import optuna

STARTUP_TRIALS = 3  # random trials before TPE samples, and complete ones before the median prunes
MAX_STARTS = 3  # a trial whose process died this often is failed: it may be the cause


def search_space(train: Train) -> dict[str, "optuna.distributions.BaseDistribution"]:
    """Parameter → its distribution. It includes the current values, and no larger batch than the current one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    def choices(*values: float) -> CategoricalDistribution:
        return CategoricalDistribution(sorted(set(values)))

    space = {
        "learning_rate": FloatDistribution(train.learning_rate / 5, min(train.learning_rate * 5, 0.1), log=True),
        "epochs": choices(1.0, 2.0, 3.0, train.epochs),
        "batch_size": choices(max(train.batch_size // 2, 1), train.batch_size),
        "gradient_accumulation": choices(train.gradient_accumulation, train.gradient_accumulation * 2),
        "lora_rank": choices(8, 16, 32, train.lora_rank),
        "alpha_ratio": choices(0.5, 1.0, 2.0, 4.0, train.lora_alpha / train.lora_rank),
        "lora_dropout": choices(0.0, 0.05, 0.1, train.lora_dropout),
    }
    if train.max_steps > 0:  # then epochs have no effect
        del space["epochs"]
    return space


def current_parameters(train: Train) -> dict[str, float]:
    """The plan's current values as parameters of the study."""
    values = train.model_dump() | {"alpha_ratio": train.lora_alpha / train.lora_rank}
    return {name: values[name] for name in search_space(train)}


def to_train_settings(parameters: dict[str, Any]) -> dict[str, float]:
    """Parameters of the study as settings of the plan's section `train`."""
    alpha = max(1, round(parameters["alpha_ratio"] * parameters["lora_rank"]))
    return {name: value for name, value in parameters.items() if name != "alpha_ratio"} | {"lora_alpha": alpha}


def open_study(folder: Path, plan: TrainingPlan) -> "optuna.Study":
    """Open or create the study in `folder`. The current values are the first trial; interrupted ones are queued again.

    It is stored in SQLite: the incomplete line that a kill leaves corrupts Optuna's file storage, and MLflow's storage
    writes in batches and loses the last one.
    """
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{folder}/study.db",
        study_name=plan.template,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        load_if_exists=True,
    )
    study.enqueue_trial(current_parameters(plan.train), skip_if_exists=True)
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        starts = trial.user_attrs.get("starts", 1)
        if starts < MAX_STARTS:  # first: after a kill before the next line it runs twice, not never
            parameters = trial.system_attrs.get("fixed_params", {}) | trial.params
            study.enqueue_trial(parameters, user_attrs={"starts": starts + 1})
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def next_trial(study: "optuna.Study", plan: TrainingPlan, number: int) -> "optuna.Trial":
    """Return the next trial; it depends only on its number and the earlier trials, however often it was killed."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=plan.train.seed + number, n_startup_trials=STARTUP_TRIALS)
    return study.ask(search_space(plan.train))
