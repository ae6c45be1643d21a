"""Settings of this installation, read from WEAVER_ environment variables; no other module reads them."""

import logging
import os
import sys
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.core.errors import WeaverError

REPOSITORY = Path(__file__).parents[2]
SERVING = Path(sys.prefix, "serving")  # the Python environment of Triton and llama.cpp
Severity = Literal["info", "warning", "critical"]
SERVICE_ACCOUNT = "service"  # the Airflow user of tasks and triggers; it may not answer an approval
TRITON_KEY = "weaver-key"  # the HTTP header with Triton's key; for gRPC it is triton-grpc-protocol-weaver-key


# Fields whose values no error message shows.
SECRET = {"database_url", "alert_webhook", "smtp_url", "smtp_password", "airflow_password", "airflow_service_password"}

NOISY_LOGGERS = {
    "bitsandbytes.backends.cpu.ops": logging.ERROR,  # "pip install kernels": nothing here needs it
    "model2vec": logging.WARNING,  # where it saves what
    "pint": logging.ERROR,  # obd defines units again that pint has
    "sentence_transformers": logging.WARNING,  # below this level it draws a progress bar, an ERROR in a task's log
}


class Settings(BaseSettings):
    """Each field is set by the environment variable WEAVER_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="WEAVER_", env_ignore_empty=True, frozen=True)

    home: Path = Field(
        REPOSITORY / ".weaver", description="the folder of all state; deleting it resets the installation"
    )
    params: Path = Field(REPOSITORY / "params.yaml", description="the YAML file with the defaults of all templates")
    templates: Path = Field(Path("templates"), description="the folder that holds your own templates; relative to home")
    profile: str = Field(
        "", description="hardware profile of params.yaml; empty: gpu if there is an NVIDIA GPU, else cpu"
    )
    airflow_port: int = Field(8080, ge=1, le=65535, description="TCP port of the Airflow API server and UI")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="TCP port of the local MLflow server")
    gateway_port: int = Field(8000, ge=1, le=65535, description="TCP port of the gateway")
    triton_http_port: int = Field(8010, ge=1, le=65535, description="TCP port of Triton, HTTP")
    triton_grpc_port: int = Field(8011, ge=1, le=65535, description="TCP port of Triton, gRPC")
    airflow_base_url: str = Field(
        "", pattern=r"^(https?://.+[^/])?$", description="URL of your own Airflow; empty: the local one"
    )
    airflow_user: str = Field("admin", description="Airflow user of the command line")
    airflow_password: SecretStr = Field(
        SecretStr(""), exclude=True, description="its password; empty: the file secrets/airflow in home"
    )
    airflow_service_user: str = Field(SERVICE_ACCOUNT, description="Airflow user of tasks and triggers")
    airflow_service_password: SecretStr = Field(
        SecretStr(""),
        exclude=True,
        description=f"its password; empty: the file secrets/airflow_{SERVICE_ACCOUNT} in home",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        exclude=True,
        description="the database of costs, alerts, ledger, API keys and routes: postgresql://user:password@host/name; "
        "empty: the file weaver.db in home",
    )
    tracking_uri: str = Field("", description="URL of your own MLflow server; empty: the local one")
    registry_remote: str = Field(
        "", description="DVC remote of datasets: a shared folder, or s3://bucket/path; empty: a folder in home"
    )
    model_repository: str = Field(
        "", description="where models are published: a shared folder, or s3://bucket/path; empty: a folder in home"
    )
    vllm_url: str = Field("", description="URL of your own vLLM server, for templates that are deployed there")
    alert_webhook: str = Field(
        "", pattern=r"^(https?://.+)?$", description="URL to which alerts are posted in Slack's format; empty: none"
    )
    alert_webhook_severity: Severity = Field("warning", description="lowest severity that is posted to the webhook")
    alert_mail: str = Field("", description="e-mail addresses that get alerts, separated by commas; empty: none")
    alert_mail_severity: Severity = Field("warning", description="lowest severity that is mailed")
    alert_escalation: str = Field(
        "", description="e-mail addresses that get escalated alerts, separated by commas; empty: none"
    )
    alert_escalation_count: int = Field(5, ge=1, description="an alert that was raised this many times is escalated")
    alert_escalation_hours: float = Field(
        24, gt=0, description="an alert that is not acknowledged for this many hours is escalated"
    )
    alert_quiet_hours: float = Field(
        12, ge=0, description="hours in which the same alert is counted, but not sent again"
    )
    alert_from: str = Field(
        "neuroweaver@localhost", pattern=r"^[^\s,<>]+@[^\s,<>]+$", description="sender address of alert e-mails"
    )
    smtp_url: str = Field(
        "smtp://127.0.0.1:25",
        pattern=r"^smtps?://([^:@/\s]+@)?([^:@/\s\[\]]+|\[[\da-fA-F:]+\])(:\d+)?/?$",
        description="URL of the mail server: smtp:// with STARTTLS, or smtps://; user@host if it needs a login (%40 for"
        " an @ in the user name). The password is WEAVER_SMTP_PASSWORD, or in the file secrets/smtp in home",
    )
    smtp_password: SecretStr = Field(SecretStr(""), exclude=True, description="password of the mail server")
    smtp_ca: str = Field("", description="CA certificate file for the mail server; empty: the system's")
    judge_url: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="URL of an OpenAI-compatible server that judges answers; empty: a local model",
    )
    judge_key: SecretStr = Field(SecretStr(""), exclude=True, description="API key of the judge server")
    judge_model: str = Field("", description="name of the model on the judge server")
    ray_address: str = Field(
        "", description="address of a Ray cluster; empty: refine starts a local one if the plan's engine is ray"
    )

    @property
    def airflow_url(self) -> str:
        """URL of the Airflow API server and UI: your own, or the local one."""
        return self.airflow_base_url or f"http://127.0.0.1:{self.airflow_port}"

    def airflow_login(self, user: str = "") -> tuple[str, str]:
        """User and password at Airflow.

        Args:
            user: SERVICE_ACCOUNT for tasks and triggers; empty: the user of the command line.
        """
        if user == SERVICE_ACCOUNT:
            password = self.airflow_service_password.get_secret_value()
            return self.airflow_service_user, password or self.secret(f"airflow_{SERVICE_ACCOUNT}")
        return self.airflow_user, self.airflow_password.get_secret_value() or self.secret("airflow")

    @property
    def mlflow_url(self) -> str:
        """URL of the MLflow server: your own, or the local one."""
        return self.tracking_uri or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def gateway_url(self) -> str:
        """URL of the gateway."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def triton_url(self) -> str:
        """URL of Triton's HTTP server."""
        return f"http://127.0.0.1:{self.triton_http_port}"

    @property
    def secrets(self) -> Path:
        """The folder of generated secrets, one file each, which only its owner can read."""
        return self.home / "secrets"

    def secret(self, name: str) -> str:
        """The content of a secret's file.

        Raises:
            FileNotFoundError: it was not generated yet.
            WeaverError: the file holds no text.
        """
        file = self.secrets / name
        try:
            content = file.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            content = ""
        if not content:
            raise WeaverError(f"{file} holds no password or key", "Remove it; `weaver up` generates another one.")
        return content


@cache
def settings() -> Settings:
    """The settings, read from the environment once.

    Raises:
        WeaverError: a variable has an invalid value.
    """
    try:
        loaded = Settings()
    except ValidationError as error:
        faults = [(str(e["loc"][0]), e) for e in error.errors()]
        values = {name: "…" if name in SECRET else e["input"] for name, e in faults}
        message = "; ".join(f"WEAVER_{name.upper()}={values[name]}: {e['msg']}" for name, e in faults)
        raise WeaverError(message, "Correct the variable, or unset it.") from None
    home = loaded.home.expanduser().resolve()
    return loaded.model_copy(update={"home": home, "templates": home / loaded.templates.expanduser()})


def work_folder(template: str) -> Path:
    """The folder of a template's stage results on this machine."""
    return settings().home / "work" / template


def quiet_libraries() -> None:
    """Switch off hubs, telemetry, progress bars and hints of libraries; call it before torch and tqdm are imported."""
    hub = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS")
    for name in (*hub, "TQDM_DISABLE", "DO_NOT_TRACK", "DVC_NO_ANALYTICS"):
        os.environ.setdefault(name, "1")
    for logger, level in NOISY_LOGGERS.items():
        logging.getLogger(logger).setLevel(level)
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its hints go to stderr, which Airflow logs as errors
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Standard output is read by scripts.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # Waiting threads sleep instead of spinning, because training shares its cores with the servers.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
