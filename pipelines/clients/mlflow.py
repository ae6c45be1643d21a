"""The one client of MLflow: the official one, pointed at the server that settings name and signed in to it.

A server of your own is reached as MLflow's library does everywhere: MLFLOW_TRACKING_USERNAME and _PASSWORD or _TOKEN
(or ~/.mlflow/credentials) sign in, MLFLOW_TRACKING_SERVER_CERT_PATH, _CLIENT_CERT_PATH and _INSECURE_TLS say how its
certificate is checked.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import stamina

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import file_lock
from pipelines.core.settings import REPOSITORY, settings

if TYPE_CHECKING:
    from requests import Response

    from mlflow import MlflowClient

START = "Start it with `weaver up`, or correct WEAVER_TRACKING_URI."
ADMIN = "admin"  # the user of the local server that NeuroWeaver signs in as
HEALTH_SECONDS = 10  # how long a server that starts is waited for


def connect_mlflow() -> ModuleType:
    """The mlflow library, pointed at the server and signed in; the server was seen to answer.

    Raises:
        Unavailable: no server answers, after some tries over ten seconds.
        WeaverError: its certificate cannot be verified.
    """
    url = settings().mlflow_url
    import mlflow

    mlflow.set_tracking_uri(url)
    if url.startswith("http"):
        wait_for_health(url)
    sign_in()
    return mlflow


def wait_for_health(url: str) -> None:
    """Return as soon as the server says that it is well.

    Raises:
        Unavailable: it does not, within HEALTH_SECONDS.
        WeaverError: its certificate cannot be verified.
    """
    from mlflow.exceptions import MlflowException

    def worth_another_try(error: Exception) -> bool:
        return isinstance(error, MlflowException) and not is_certificate_error(error)

    try:
        for attempt in stamina.retry_context(on=worth_another_try, attempts=None, timeout=HEALTH_SECONDS):
            with attempt:
                response = send_request("GET", "/health", timeout=5)
                if not response.ok:
                    raise MlflowException(f"/health answered with status {response.status_code}")
    except MlflowException as error:
        raise_for_certificate(error, url)
        raise Unavailable(f"MLflow does not answer at {url}: {error}", START) from error


def mlflow_client() -> "MlflowClient":
    """The official client, signed in. Unlike `connect_mlflow` it sends no request of its own: for what runs often.

    Raises:
        Unavailable: the local server has never been started.
    """
    from mlflow import MlflowClient

    sign_in()
    return MlflowClient(settings().mlflow_url)


def send_request(method: str, path: str, timeout: float, **options: Any) -> "Response":
    """One HTTP request through MLflow's own transport, without retries: for what its client does not have.

    Args:
        path: below the server's address, such as `/v1/traces`.
        timeout: seconds.
        options: extra_headers, and what `requests` takes.

    Raises:
        MlflowException: the server cannot be reached. The caller checks the status of the response.
        Unavailable: the local server has never been started.
    """
    from mlflow.utils import credentials, rest_utils

    library: tuple[Any, Any] = (credentials, rest_utils)  # without types
    server = library[0].get_default_host_creds(settings().mlflow_url)
    if not settings().tracking_uri:
        server.username, server.password, server.token = ADMIN, local_password(), None
    response: Response = library[1].http_request(
        server, path, method, max_retries=0, timeout=timeout, raise_on_status=False, **options
    )
    return response


def sign_in() -> None:
    """Put the local server's credentials where MLflow's library reads them; your own server's are there already.

    Raises:
        Unavailable: the local server has never been started.
    """
    # MLflow's library retries by itself: a server that restarts is waited for, one that is gone fails in half a minute.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    if not settings().tracking_uri:
        os.environ |= {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": local_password()}


def local_password() -> str:
    """The password of the local server's user admin.

    Raises:
        Unavailable: the local server has never been started, so it has none yet.
    """
    try:
        return settings().secret("mlflow")
    except FileNotFoundError as error:
        raise Unavailable("the local MLflow server has not been started yet", START) from error


def alias_version(name: str, alias: str) -> int | None:
    """The version behind an alias of a registered model; None if there is no such alias or no such model.

    One request; it blocks, so in a coroutine call it with `await asyncio.to_thread(alias_version, name, alias)`.

    Raises:
        Unavailable: the server does not answer.
        WeaverError: the server refused the sign-in, or the user may not read the model.
    """
    with translate_mlflow_error(f"reading the alias {alias} of {name}"):
        return read_aliases(mlflow_client(), name).get(alias)


def read_aliases(client: "MlflowClient", name: str) -> dict[str, int]:
    """`alias → version` of a registered model; empty if there is no such model.

    Raises:
        MlflowException: the server does not answer, or refused.
    """
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise
    return {alias: int(version) for alias, version in model.aliases.items()}


@contextmanager
def translate_mlflow_error(doing: str) -> Iterator[None]:
    """Turn what MLflow's library raises into what a person can act on; other errors pass.

    Args:
        doing: what was going on, for the message: "registering the model".

    Raises:
        Unavailable: the connection was lost, after MLflow's own retries. Only this is worth another try.
        WeaverError: the server refused the sign-in (401), forbade the call (403), or its certificate is not trusted.
    """
    try:
        yield
    except Exception as error:
        url = settings().mlflow_url
        raise_for_certificate(error, url)
        status = http_status(error)
        if status == 401:
            raise WeaverError(f"MLflow at {url} refused the sign-in while {doing}", sign_in_remedy()) from error
        if status == 403:
            raise WeaverError(
                f"MLflow at {url} did not permit this while {doing}: {error}",
                "Give the user that NeuroWeaver signs in with this permission in MLflow.",
            ) from error
        if is_connection_lost(error):
            raise Unavailable(
                f"the connection to MLflow at {url} was lost while {doing}: {error}",
                "Start MLflow with `weaver up` and run again: finished work is not repeated.",
            ) from error
        raise


def sign_in_remedy() -> str:
    """How to make the sign-in right."""
    if settings().tracking_uri:
        return "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, for that server."
    return f"Write the present password of its user admin into {settings().secrets / 'mlflow'}."


def http_status(error: Exception) -> int:
    """The HTTP status behind an error of MLflow's library; 0 for errors of anything else."""
    if "mlflow" not in sys.modules:
        return 0
    from mlflow.exceptions import MlflowException

    failure: Any = error  # its method has no types
    return int(failure.get_http_status_code()) if isinstance(error, MlflowException) else 0


def is_connection_lost(error: Exception) -> bool:
    """Whether MLflow's server could not be reached or failed inside, rather than that it refused."""
    if "mlflow" not in sys.modules:
        return False
    from requests import RequestException

    return http_status(error) >= 500 or isinstance(error, RequestException)


def is_certificate_error(error: BaseException | None) -> bool:
    """Whether the server's certificate could not be verified; MLflow's library wraps that error."""
    from requests.exceptions import SSLError

    return error is not None and (isinstance(error, SSLError) or is_certificate_error(error.__context__))


def raise_for_certificate(error: Exception, url: str) -> None:
    """
    Raises:
        WeaverError: the error is that the server's certificate could not be verified.
    """
    if "mlflow" in sys.modules and is_certificate_error(error):
        raise WeaverError(
            f"the certificate of MLflow at {url} cannot be verified: {error}",
            "Set MLFLOW_TRACKING_SERVER_CERT_PATH to the file of the authority that signed it.",
        ) from error


@contextmanager
def promotion_lock(name: str) -> Iterator[None]:
    """Hold the lock under which a template's champion changes: ledger, aliases and the pointer of the deployment."""
    with file_lock(settings().home / "deployments" / f"{name}.lock", f"changing the champion of {name}"):
        yield


def git_commit() -> str:
    """The commit of the running code, with `-dirty` if files were changed since; `unknown` outside a clone."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or "unknown"
