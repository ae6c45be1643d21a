"""What Airflow keeps in its home before anything can run: its database, and the pool that trainings queue in."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import httpx

from pipelines.errors import WeaverError
from pipelines.files import whole, write_text
from pipelines.settings import settings
from pipelines.stack import servers

POOL = {"name": "training", "slots": 1, "description": "one training at a time", "include_deferred": False}


def migrate() -> None:
    """Make Airflow's database, or bring it to this Airflow's version: a whole new file, or the old one stays.

    Raises:
        WeaverError: Airflow refused; with its last words.
    """
    database = servers.folder("scheduler") / "airflow.db"
    stamp = database.with_suffix(".version")
    version = servers.versions()["apache-airflow"]
    if database.exists() and stamp.exists() and stamp.read_text() == version:
        return
    with whole(database) as temporary:
        if database.exists():
            shutil.copy2(database, temporary)
        done = subprocess.run(
            [Path(sysconfig.get_path("scripts"), "airflow"), "db", "migrate"],
            env=servers.full_environment()
            | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": servers.database_url(temporary)},
            cwd=database.parent,
            umask=0o077,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            words = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise WeaverError(f"Airflow could not make its database:\n{words}", "Mend what it names; run again.")
    write_text(stamp, version)


def make_pool() -> None:
    """Make the pool `training`; one that exists keeps the slots that somebody has given it."""
    with httpx.Client(base_url=settings().airflow_url, timeout=30, trust_env=False) as client:
        login = {"username": "admin", "password": settings().secret("airflow")}
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        answer = client.post("/api/v2/pools", json=POOL, headers={"Authorization": f"Bearer {token}"})
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()
