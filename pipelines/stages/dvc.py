"""`dvc.yaml`, from the table of stages: `python -m pipelines.stages.dvc > dvc.yaml`.

It holds the stages that lead to an evaluation, with the artifacts that they take, the settings of params.yaml and the
code that they depend on.
"""

from pathlib import Path
from typing import Any

import yaml

from pipelines.core.settings import REPOSITORY
from pipelines.stages.table import STAGES, source_code, upstream

LAST = "evaluate"
WORK = "data"  # the work folder of DVC's stages
TEMPLATES = "pipelines/kits/automotive/templates"  # a template's YAML overrides params.yaml
HEADER = """\
# The stages of a retraining up to the evaluation, reproduced by hand: `dvc repro`; or, as an experiment,
# `dvc exp run -S train.learning_rate=1e-4`. They are the functions that the Airflow DAG runs too, and work in data/.
# MLflow must be running: `weaver up`. Generated from pipelines/stages/table.py; do not edit it, but run
# `python -m pipelines.stages.dvc > dvc.yaml`.
# A template of your own is not in this repository: after you have changed it, run `dvc repro --force`.

"""


def render_dvc_yaml() -> str:
    """The text of `dvc.yaml`."""
    names = [*upstream(LAST), LAST]
    pipeline = {"vars": ["params.yaml"], "stages": {name: dvc_stage(name) for name in names}}
    return HEADER + yaml.safe_dump(pipeline, sort_keys=False, width=120, default_flow_style=None)


def dvc_stage(name: str) -> dict[str, Any]:
    """One entry of `stages`."""
    stage = STAGES[name]
    artifact = f"{WORK}/{name}.json"
    folder = [f"{WORK}/{name}"] if stage.folder else []
    entry: dict[str, Any] = {
        "desc": f"{stage.help} Always run: {stage.outside}." if stage.outside else stage.help,
        "cmd": f"WEAVER_PARAMS=params.yaml weaver {name.replace('_', '-')} ${{template}} --work {WORK}",
    }
    if params := dvc_params(stage.settings):
        entry["params"] = params
    entry["deps"] = [*taken(name), *(f"pipelines/{path}" for path in stage.reads), *settings_files(name), *code(name)]
    if name == LAST:
        entry |= {"outs": folder, "metrics": [{artifact: {"cache": False}}]}
    else:
        entry["outs"] = [*folder, artifact]
    if stage.outside:
        entry["always_changed"] = True
    return entry


def dvc_params(settings: tuple[str, ...]) -> list[str]:
    """The keys of params.yaml behind these settings; the others come from the template alone."""
    shared = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    keys = [key for key in settings if key.partition(".")[0] in shared]
    return [*keys, "profile", "profiles"] if keys else []


def taken(name: str) -> list[str]:
    """The artifacts that a stage takes, and the folders that they name."""
    files = []
    for source in STAGES[name].takes:
        files += [f"{WORK}/{source}.json", *([f"{WORK}/{source}"] if STAGES[source].folder else [])]
    return files


def settings_files(name: str) -> list[str]:
    """Return the files of settings that a stage of dvc.yaml depends on."""
    return [TEMPLATES] if STAGES[name].settings and "kits" not in STAGES[name].reads else []


def code(name: str) -> list[str]:
    """The code in the stage's fingerprint; files in a folder that it reads are not named again."""
    folders = [Path("pipelines", path) for path in STAGES[name].reads]
    files = [file.relative_to(REPOSITORY) for file in source_code(name).files]
    return [str(file) for file in files if not any(file.is_relative_to(folder) for folder in folders)]


if __name__ == "__main__":
    print(render_dvc_yaml(), end="")
