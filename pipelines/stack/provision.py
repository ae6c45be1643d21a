"""What the servers need once: Airflow's database, the pool for trainings, a reviewer's account in MLflow."""

import sqlite3
import subprocess
import sysconfig
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from pipelines.clients.airflow import AirflowClient
from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text
from pipelines.core.settings import settings
from pipelines.stack import servers

# What a model reviewer may do in MLflow: score answers and set the alias `approved`; not change metrics or files.
REVIEWER_PERMISSIONS = {
    "experiment": "EDIT",
    "trace": "EDIT",
    "review_queue": "EDIT",
    "registered_model": "EDIT",
    "run": "READ",
    "logged_model": "READ",
    "registered_model_version": "READ",
}
POOL = {"name": "training", "slots": 1, "description": "one training at a time", "include_deferred": False}


def migrate_airflow_database() -> None:
    """Create Airflow's database, or migrate it to this Airflow's version after a backup.

    Raises:
        WeaverError: the migration failed; with the last lines of its output.
    """
    database = servers.server_folder("scheduler") / "airflow.db"
    stamp = database.with_suffix(".version")
    version = servers.versions()["apache-airflow"]
    if not stamp.exists():
        for leftover in database.parent.glob(f"{database.name}*"):  # an earlier creation was interrupted
            leftover.unlink()
    elif stamp.read_text() == version:
        return
    else:
        copy = database.with_suffix(f".{stamp.read_text()}.db")
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(copy)) as backup:
            old.backup(backup)
    program = Path(sysconfig.get_path("scripts"), "airflow")
    result = subprocess.run(
        [program, "db", "migrate"],
        env=servers.full_environment(),
        cwd=database.parent,
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        output = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise WeaverError(
            f"Airflow cannot migrate its database {database}:\n{output}",
            "Correct what it names, and run `weaver up` again.",
        )
    write_text(stamp, version)


def drop_missed_slots() -> None:
    """Leave out the schedule's slots that were missed while no scheduler ran.

    It would run the last one of each DAG at once, in front of the run that a person starts. The DAG processor writes
    the next slot when it reads the DAG's file.
    """
    database = servers.server_folder("scheduler") / "airflow.db"
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        missed = "next_dagrun_create_after < datetime('now', '-60 seconds')"
        connection.execute(f"UPDATE dag SET next_dagrun_create_after = NULL WHERE {missed}")


def create_missing_resources() -> None:
    """Create the accounts, the role and the pool that are missing in the running servers; existing ones stay unchanged.

    It reads first, because a write to Airflow while a task starts can block it (servers.own_environment).
    """
    here, airflow = settings(), AirflowClient()
    pools = airflow.request("GET", "/api/v2/pools?limit=100")["pools"]
    if POOL["name"] not in {pool["name"] for pool in pools}:
        airflow.request("POST", "/api/v2/pools", same_again=True, json=POOL)
    if here.tracking_uri:
        return
    admin = ("admin", here.secret("mlflow"))
    with httpx.Client(base_url=here.mlflow_url, auth=admin, timeout=30, trust_env=False) as mlflow:
        users = "/api/2.0/mlflow/users"
        if mlflow.get(f"{users}/get", params={"username": "reviewer"}).status_code == httpx.codes.NOT_FOUND:
            reviewer = {"username": "reviewer", "password": here.secret("mlflow_reviewer")}
            mlflow.post(f"{users}/create", json=reviewer).raise_for_status()
        grant_reviewer_role(mlflow)


def grant_reviewer_role(mlflow: httpx.Client) -> None:
    """Grant the user reviewer the role `model-reviewer`; permissions that an existing role lacks are added."""
    roles_url, workspace = "/api/3.0/mlflow/roles", {"workspace": "default"}

    def call(method: str, path: str, **options: Any) -> Any:
        return mlflow.request(method, f"{roles_url}/{path}", **options).raise_for_status().json()

    roles = call("GET", "list", params=workspace)["roles"]
    role = next((role for role in roles if role["name"] == "model-reviewer"), None)
    role = role or call("POST", "create", json=workspace | {"name": "model-reviewer"})["role"]
    granted = {grant["resource_type"] for grant in role.get("permissions", [])}
    for kind, permission in REVIEWER_PERMISSIONS.items():
        if kind not in granted:
            grant = {"resource_type": kind, "resource_pattern": "*", "permission": permission}
            call("POST", "permissions/add", json=grant | {"role_id": role["id"]})
    if not call("GET", "users/list", params={"role_id": str(role["id"])}).get("assignments"):
        call("POST", "assign", json={"username": "reviewer", "role_id": role["id"]})
