"""The DAG files as a fresh DAG processor sees them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.settings import REPOSITORY

LOAD = """
import compileall, json, sys, time
from pathlib import Path

def asset_names(condition):
    return [condition.name] if hasattr(condition, "name") else [
        name for part in getattr(condition, "objects", ()) for name in asset_names(part)
    ]

began = time.process_time()
from airflow.dag_processing.dagbag import BundleDagBag
airflow = time.process_time() - began
for folder in ("pipelines", "dags", "plugins"):  # once on a machine; what counts is every parse after that
    compileall.compile_dir(folder, quiet=2)
began = time.process_time()
bag = BundleDagBag(bundle_path=Path("dags").resolve(), bundle_name="dags-folder")
parsed = time.process_time() - began
print(json.dumps({
    "errors": bag.import_errors,
    "parse_seconds": parsed, "airflow_import_seconds": airflow,
    "heavy": [name for name in ("torch", "mlflow", "pandas", "great_expectations", "dvc") if name in sys.modules],
    "dags": {
        dag.dag_id: {
            "doc": dag.doc_md, "tags": sorted(dag.tags), "owner": dag.owner, "params": dag.params.dump(),
            "deadline": [(alert.interval.total_seconds(), alert.callback.path) for alert in dag.deadline or []],
            "timetable": getattr(getattr(dag.timetable, "timetable", dag.timetable), "_expression", None),
            "asset": getattr(getattr(dag.timetable, "asset_condition", None), "name", None),
            "assets": sorted(asset_names(getattr(dag.timetable, "asset_condition", None))),
            "max_active_runs": dag.max_active_runs,
            "tasks": [
                {"id": t.task_id, "up": sorted(t.upstream_task_ids), "doc": t.doc_md,
                 "group": t.task_group.group_id, "display": t.task_display_name,
                 "short_circuit": hasattr(t, "ignore_downstream_trigger_rules"),
                 "ignores_rules": getattr(t, "ignore_downstream_trigger_rules", None),
                 "retries": t.retries, "pool": t.pool,
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


def load_dags(airflow_home: Path, **environment: str) -> dict:
    """What a fresh DAG processor sees: a process of its own, so that nothing is imported yet."""
    environment = os.environ | {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "WEAVER_PROFILE": "cpu",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The DAGs of the repository's own templates."""
    return load_dags(tmp_path_factory.mktemp("airflow"))
