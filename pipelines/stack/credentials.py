"""Passwords and keys of the local servers: made once, one file each in `settings().secrets`, for their owner's eyes."""

import json
import secrets
from typing import NamedTuple

from cryptography.fernet import Fernet

from pipelines.core.files import atomic_write
from pipelines.core.settings import SERVICE_ACCOUNT, settings

MAKERS = {
    "airflow": lambda: secrets.token_urlsafe(24),  # the password of its user admin
    "airflow_reviewer": lambda: secrets.token_urlsafe(24),
    "airflow_engineer": lambda: secrets.token_urlsafe(24),
    f"airflow_{SERVICE_ACCOUNT}": lambda: secrets.token_urlsafe(24),  # of tasks and triggers
    "airflow_fernet": lambda: Fernet.generate_key().decode(),
    "airflow_jwt": lambda: secrets.token_urlsafe(64),  # Airflow wants 64 bytes or more
    "airflow_session": lambda: secrets.token_urlsafe(64),
    "gateway": lambda: f"nw-{secrets.token_urlsafe(32)}",  # the API key of whoever works on this machine
    "triton": lambda: secrets.token_urlsafe(32),  # asked for by Triton before it answers
    "triton_control": lambda: secrets.token_urlsafe(32),  # and before it loads or unloads a model
    "mlflow": lambda: secrets.token_urlsafe(24),  # the password of its user admin
    "mlflow_reviewer": lambda: secrets.token_urlsafe(24),
    "mlflow_session": lambda: secrets.token_urlsafe(64),
}


class Login(NamedTuple):
    server: str
    url: str
    user: str
    password: str


def make() -> None:
    """Make what is missing; what is there stays, so that whoever noted a password can go on using it."""
    settings().secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, new in MAKERS.items():
        if not (settings().secrets / name).exists():
            keep(name, new())
    # Airflow would write passwords of its own making to its log; here it finds them made.
    others = {user: settings().secret(f"airflow_{user}") for user in ("reviewer", "engineer", SERVICE_ACCOUNT)}
    users = {"admin": settings().secret("airflow")} | others
    keep("airflow_users.json", json.dumps(users))


def keep(name: str, text: str) -> None:
    with atomic_write(settings().secrets / name) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(text)


def logins() -> list[Login]:
    """Who may sign in where; a tracking server of your own has passwords of its own.

    The gateway and Triton know no users: whoever has the key may ask.
    """
    make()
    here = settings()
    people = {"airflow": ("reviewer", "engineer")} | ({} if here.tracking_uri else {"mlflow": ("reviewer",)})
    urls = {"airflow": here.airflow_url, "mlflow": here.mlflow_url}
    return [
        *(
            Login(server, urls[server], user, here.secret(name))
            for server, others in people.items()
            for user, name in (("admin", server), *((other, f"{server}_{other}") for other in others))
        ),
        Login("gateway", here.gateway_url, "", here.secret("gateway")),
        Login("triton", here.triton_url, "", here.secret("triton")),
    ]
