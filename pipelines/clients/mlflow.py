"""MLflow, pointed at the server that settings name and signed in to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import httpx
import stamina

from pipelines.core.errors import Unavailable
from pipelines.core.files import file_lock
from pipelines.core.settings import REPOSITORY, settings


def connect_mlflow() -> ModuleType:
    """The mlflow library, ready to use.

    Raises:
        Unavailable: no server answers, after some tries over ten seconds.
    """
    url = settings().mlflow_url
    if url.startswith("http"):
        try:
            for attempt in stamina.retry_context(on=httpx.HTTPError, attempts=None, timeout=10):
                with attempt:
                    httpx.get(f"{url}/health", timeout=5).raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(
                f"MLflow does not answer at {url}: {error}",
                "Start it with `weaver up`, or correct WEAVER_TRACKING_URI.",
            ) from error
    if not settings().tracking_uri:
        os.environ.setdefault("MLFLOW_TRACKING_USERNAME", "admin")
        os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", settings().secret("mlflow"))
    # A server that restarts is waited for, a server that is gone is told within half a minute.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")

    import mlflow

    mlflow.set_tracking_uri(url)
    return mlflow


@contextmanager
def translate_mlflow_error(what_for: str) -> Iterator[None]:
    """Tell a lost server from a refusal: only the first is worth trying again.

    Raises:
        Unavailable: the server was lost on the way, after MLflow's own retries.
    """
    try:
        yield
    except Exception as error:
        if not is_connection_lost(error):
            raise
        raise Unavailable(
            f"MLflow was lost while {what_for}: {error}",
            "Start it with `weaver up` and run again: what is done is not done twice.",
        ) from error


def is_connection_lost(error: Exception) -> bool:
    """Whether MLflow's server could not answer, rather than that it refused."""
    if "mlflow" not in sys.modules:
        return False
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    failed = isinstance(error, MlflowException) and error.get_http_status_code() >= 500
    return failed or isinstance(error, RequestException)


def read_aliases(client: Any, name: str) -> dict[str, int]:
    """`alias → version` of a registered model; empty where none is registered."""
    found = client.search_registered_models(f"name = '{name}'")
    return {alias: int(version) for model in found for alias, version in model.aliases.items()}


@contextmanager
def promotion_lock(name: str) -> Iterator[None]:
    """One at a time moves what answers for a template: the ledger, the aliases, the pointer of the deployment."""
    with file_lock(settings().home / "deployments" / f"{name}.lock", f"moving what answers for {name}"):
        yield


def git_commit() -> str:
    """The commit this code was run from, marked when it was changed since; `unknown` outside a clone."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip() or "unknown"
