"""Passwords and keys of the local servers: generated once, one file each in `settings().secrets`."""

import json
import secrets
from collections.abc import Callable
from typing import NamedTuple

from cryptography.fernet import Fernet

from pipelines.core.files import atomic_write
from pipelines.core.settings import SERVICE_ACCOUNT, settings

GENERATORS: dict[str, Callable[[], str]] = {
    "airflow": lambda: secrets.token_urlsafe(24),  # the password of its user admin
    "airflow_reviewer": lambda: secrets.token_urlsafe(24),
    "airflow_engineer": lambda: secrets.token_urlsafe(24),
    f"airflow_{SERVICE_ACCOUNT}": lambda: secrets.token_urlsafe(24),  # of tasks and triggers
    "airflow_fernet": lambda: Fernet.generate_key().decode(),
    "airflow_jwt": lambda: secrets.token_urlsafe(64),  # Airflow wants 64 bytes or more
    "airflow_session": lambda: secrets.token_urlsafe(64),
    "gateway": lambda: f"nw-{secrets.token_urlsafe(32)}",  # the API key of whoever works on this machine
    "triton": lambda: secrets.token_urlsafe(32),  # Triton asks for it before inference
    "triton_control": lambda: secrets.token_urlsafe(32),  # and for this one before it loads or unloads a model
    "mlflow": lambda: secrets.token_urlsafe(24),  # the password of its user admin
    "mlflow_reviewer": lambda: secrets.token_urlsafe(24),
    "mlflow_session": lambda: secrets.token_urlsafe(64),
}


class Login(NamedTuple):
    """A user or key of a server."""

    server: str
    url: str
    user: str
    password: str


def create_missing() -> None:
    """Generate the secrets that are missing; existing ones stay."""
    settings().secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, new in GENERATORS.items():
        if not (settings().secrets / name).exists():
            write_secret(name, new())
    # Airflow would generate passwords and write them to its log; here it finds them.
    others = {user: settings().secret(f"airflow_{user}") for user in ("reviewer", "engineer", SERVICE_ACCOUNT)}
    users = {"admin": settings().secret("airflow")} | others
    write_secret("airflow_users.json", json.dumps(users))


def write_secret(name: str, text: str) -> None:
    """Write a secret that only its owner may read."""
    with atomic_write(settings().secrets / name) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(text)


def list_logins() -> list[Login]:
    """The users and keys of each server; those of your own tracking server are not known here.

    The gateway and Triton have keys rather than users.
    """
    create_missing()
    here = settings()
    users_by_server = {"airflow": ("reviewer", "engineer")} | ({} if here.tracking_uri else {"mlflow": ("reviewer",)})
    urls = {"airflow": here.airflow_url, "mlflow": here.mlflow_url}
    return [
        *(
            Login(server, urls[server], user, here.secret(name))
            for server, names in users_by_server.items()
            for user, name in (("admin", server), *((other, f"{server}_{other}") for other in names))
        ),
        Login("gateway", here.gateway_url, "", here.secret("gateway")),
        Login("triton", here.triton_url, "", here.secret("triton")),
    ]
