"""The Optuna study of a tuning: what is searched, around a plan's present values, and where it is kept."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.plan import Train, TrainingPlan

if TYPE_CHECKING:
    import optuna

STARTUP_TRIALS = 3  # trials before TPE stops drawing at random, and the median of those complete prunes
MAX_STARTS = 3  # a trial that its process died in so often is given up: perhaps it is what kills


def search_space(train: Train) -> dict[str, "optuna.distributions.BaseDistribution"]:
    """Parameter → its values. The present ones are among them, and no batch takes more memory than the present one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    def choices(*values: float) -> CategoricalDistribution:
        return CategoricalDistribution(sorted(set(values)))

    searched = {
        "learning_rate": FloatDistribution(train.learning_rate / 5, min(train.learning_rate * 5, 0.1), log=True),
        "epochs": choices(1.0, 2.0, 3.0, train.epochs),
        "batch_size": choices(max(train.batch_size // 2, 1), train.batch_size),
        "gradient_accumulation": choices(train.gradient_accumulation, train.gradient_accumulation * 2),
        "lora_rank": choices(8, 16, 32, train.lora_rank),
        "alpha_ratio": choices(0.5, 1.0, 2.0, 4.0, train.lora_alpha / train.lora_rank),
        "lora_dropout": choices(0.0, 0.05, 0.1, train.lora_dropout),
    }
    if train.max_steps > 0:  # then epochs say nothing
        del searched["epochs"]
    return searched


def current_parameters(train: Train) -> dict[str, float]:
    """The present values as parameters of the study."""
    values = train.model_dump() | {"alpha_ratio": train.lora_alpha / train.lora_rank}
    return {name: values[name] for name in search_space(train)}


def to_train_settings(parameters: dict[str, Any]) -> dict[str, float]:
    """Parameters of the study as settings of the plan's section train."""
    alpha = max(1, round(parameters["alpha_ratio"] * parameters["lora_rank"]))
    return {name: value for name, value in parameters.items() if name != "alpha_ratio"} | {"lora_alpha": alpha}


def open_study(folder: Path, plan: TrainingPlan) -> "optuna.Study":
    """The study in `folder`, new or carried on: the present values come first, then what a process died in.

    It is kept in SQLite: Optuna's journal file is spoilt by the half line that a kill leaves, and MLflow's storage is
    told in batches and loses the last.
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
        if starts < MAX_STARTS:  # first: a kill before the next line lets it be tried twice, not never
            wanted = trial.system_attrs.get("fixed_params", {}) | trial.params
            study.enqueue_trial(wanted, user_attrs={"starts": starts + 1})
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def next_trial(study: "optuna.Study", plan: TrainingPlan, number: int) -> "optuna.Trial":
    """The next trial. It is drawn from its number and what came before alone, however often the study was killed."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=plan.train.seed + number, n_startup_trials=STARTUP_TRIALS)
    return study.ask(search_space(plan.train))
