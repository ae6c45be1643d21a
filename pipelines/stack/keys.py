"""Passwords and keys of the local servers: made once, one file each, readable by their owner alone."""

import json
import secrets
from typing import NamedTuple

from cryptography.fernet import Fernet

from pipelines.files import whole
from pipelines.settings import settings

PASSWORD = ("airflow", "airflow_reviewer", "mlflow")
SIGNING = ("airflow_jwt", "airflow_session", "mlflow_session")  # 86 characters: Airflow wants 64 bytes or more


class Login(NamedTuple):
    what: str
    url: str
    user: str
    password: str


def keep(name: str, text: str) -> None:
    """Write a secret that only its owner may read, not even for the moment of writing."""
    settings().secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    with whole(settings().secrets / name) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(text)


def make() -> None:
    """Make what is missing; a password that exists stays, so that whoever wrote it down can still use it."""
    fresh = {name: lambda: secrets.token_urlsafe(24) for name in PASSWORD}
    fresh |= {name: lambda: secrets.token_urlsafe(64) for name in SIGNING}
    fresh |= {"airflow_fernet": lambda: Fernet.generate_key().decode()}
    for name, new in fresh.items():
        if not (settings().secrets / name).exists():
            keep(name, new())
    # Airflow prints passwords that it makes itself to its log; it finds these made already.
    keep("airflow_users.json", json.dumps({"admin": secret("airflow"), "reviewer": secret("airflow_reviewer")}))


def secret(name: str) -> str:
    return settings().secret(name)


def logins() -> list[Login]:
    """Who may sign in where; run `make` first."""
    return [
        Login("Airflow", settings().airflow_url, "admin", secret("airflow")),
        Login("Airflow", settings().airflow_url, "reviewer", secret("airflow_reviewer")),
        Login("MLflow", settings().mlflow_url, "admin", secret("mlflow")),
    ]
