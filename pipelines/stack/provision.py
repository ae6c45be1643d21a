"""What the servers need once: Airflow's database, the pool that trainings queue in, a reviewer's account in MLflow."""

import sqlite3
import subprocess
import sysconfig
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text
from pipelines.core.settings import settings
from pipelines.stack import servers

# What a model reviewer may do in MLflow: score answers and set the alias `approved`; figures and files stay.
REVIEWERS = {
    "experiment": "EDIT",
    "trace": "EDIT",
    "review_queue": "EDIT",
    "registered_model": "EDIT",
    "run": "READ",
    "logged_model": "READ",
    "registered_model_version": "READ",
}
POOL = {"name": "training", "slots": 1, "description": "one training at a time", "include_deferred": False}


def migrate() -> None:
    """Make Airflow's database, or bring it to this Airflow's version, having kept a copy of the old one.

    Raises:
        WeaverError: Airflow refused; with its last words.
    """
    database = servers.folder("scheduler") / "airflow.db"
    stamp = database.with_suffix(".version")
    version = servers.versions()["apache-airflow"]
    if not stamp.exists():
        for rest in database.parent.glob(f"{database.name}*"):  # somebody interrupted its making
            rest.unlink()
    elif stamp.read_text() == version:
        return
    else:
        copy = database.with_suffix(f".{stamp.read_text()}.db")
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(copy)) as kept:
            old.backup(kept)
    program = Path(sysconfig.get_path("scripts"), "airflow")
    done = subprocess.run(
        [program, "db", "migrate"],
        env=servers.full_environment(),
        cwd=database.parent,
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise WeaverError(f"Airflow could not make its database {database}:\n{words}", "Mend what it names; run again.")
    write_text(stamp, version)


def furnish() -> None:
    """Make what is missing in the running servers; what is there stays as somebody may have changed it.

    Looking first is more than thrift: a write to Airflow that meets a starting task can halt it (servers.exceptions).
    """
    here = settings()
    with httpx.Client(base_url=here.airflow_url, timeout=30, trust_env=False) as airflow:
        login = {"username": "admin", "password": here.secret("airflow")}
        token = airflow.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        airflow.headers["Authorization"] = f"Bearer {token}"
        if airflow.get(f"/api/v2/pools/{POOL['name']}").status_code == httpx.codes.NOT_FOUND:
            airflow.post("/api/v2/pools", json=POOL).raise_for_status()
    if here.tracking_uri:
        return
    admin = ("admin", here.secret("mlflow"))
    with httpx.Client(base_url=here.mlflow_url, auth=admin, timeout=30, trust_env=False) as mlflow:
        users = "/api/2.0/mlflow/users"
        if mlflow.get(f"{users}/get", params={"username": "reviewer"}).status_code == httpx.codes.NOT_FOUND:
            reviewer = {"username": "reviewer", "password": here.secret("mlflow_reviewer")}
            mlflow.post(f"{users}/create", json=reviewer).raise_for_status()
        appoint_reviewers(mlflow)


def appoint_reviewers(mlflow: httpx.Client) -> None:
    """The role `model-reviewer`, given to the user reviewer; a role that is there is completed, not changed."""
    roles, workspace = "/api/3.0/mlflow/roles", {"workspace": "default"}

    def ask(method: str, path: str, **options: Any) -> Any:
        return mlflow.request(method, f"{roles}/{path}", **options).raise_for_status().json()

    known = ask("GET", "list", params=workspace)["roles"]
    role = next((role for role in known if role["name"] == "model-reviewer"), None)
    role = role or ask("POST", "create", json=workspace | {"name": "model-reviewer"})["role"]
    granted = {grant["resource_type"] for grant in role.get("permissions", [])}
    for kind, permission in REVIEWERS.items():
        if kind not in granted:
            grant = {"resource_type": kind, "resource_pattern": "*", "permission": permission}
            ask("POST", "permissions/add", json=grant | {"role_id": role["id"]})
    if not ask("GET", "users/list", params={"role_id": str(role["id"])}).get("assignments"):
        ask("POST", "assign", json={"username": "reviewer", "role_id": role["id"]})
