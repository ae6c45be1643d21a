"""Where things live and how to reach them. Nothing else reads the environment."""

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
SERVING = Path(sys.prefix, "serving")  # the environment of Triton and llama.cpp, beside this one
Severity = Literal["info", "warning", "critical"]
SERVICE_ACCOUNT = "service"  # the Airflow user of tasks and triggers; it may not answer an approval
TRITON_KEY = "weaver-key"  # the HTTP header with a key of Triton's; gRPC's is triton-grpc-protocol-weaver-key


# What a mistyped one of these holds is not repeated.
SECRET = {"alert_webhook", "smtp_url", "smtp_password", "airflow_password", "airflow_service_password"}

NOISY_LOGGERS = {
    "bitsandbytes.backends.cpu.ops": logging.ERROR,  # "pip install kernels": nothing here needs it
    "sentence_transformers": logging.WARNING,  # below this level it draws a progress bar, an ERROR in a task's log
}


class Settings(BaseSettings):
    """Every field is the environment variable WEAVER_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="WEAVER_", env_ignore_empty=True, frozen=True)

    home: Path = Field(REPOSITORY / ".weaver", description="all state; deleting it is a factory reset")
    params: Path = Field(REPOSITORY / "params.yaml", description="the defaults that every template shares")
    templates: Path = Field(Path("templates"), description="templates of your own; relative to home")
    profile: str = Field("", description="hardware profile of params.yaml; empty: gpu where CUDA is seen, else cpu")
    airflow_port: int = Field(8080, ge=1, le=65535)
    mlflow_port: int = Field(5000, ge=1, le=65535)
    gateway_port: int = Field(8000, ge=1, le=65535)
    triton_http_port: int = Field(8010, ge=1, le=65535)
    triton_grpc_port: int = Field(8011, ge=1, le=65535)
    airflow_base_url: str = Field(
        "", pattern=r"^(https?://.+[^/])?$", description="an Airflow of your own; empty: the local one"
    )
    airflow_user: str = Field("admin", description="whom `weaver run` signs in to Airflow as")
    airflow_password: SecretStr = Field(SecretStr(""), exclude=True, description="empty: the file secrets/airflow")
    airflow_service_user: str = Field(SERVICE_ACCOUNT, description="whom tasks and triggers sign in to Airflow as")
    airflow_service_password: SecretStr = Field(
        SecretStr(""), exclude=True, description="empty: the file secrets/airflow_" + SERVICE_ACCOUNT
    )
    tracking_uri: str = Field("", description="an MLflow server of your own; empty: the local one")
    registry_remote: str = Field(
        "", description="where DVC pushes datasets to: a shared folder, or s3://bucket/path; empty: a folder in home"
    )
    model_repository: str = Field(
        "", description="where models are published to: a shared folder, or s3://bucket/path; empty: a folder in home"
    )
    vllm_url: str = Field("", description="a vLLM server of your own, for templates that are deployed there")
    alert_webhook: str = Field(
        "", pattern=r"^(https?://.+)?$", description="where alerts are posted to, as Slack takes them; empty: nowhere"
    )
    alert_webhook_severity: Severity = Field("warning", description="the least severity that is posted there")
    alert_mail: str = Field("", description="addresses that get alerts, separated by commas; empty: nobody")
    alert_mail_severity: Severity = Field("warning", description="the least severity that is mailed")
    alert_escalation: str = Field("", description="addresses that get what repeats, or what nobody acknowledges")
    alert_escalation_count: int = Field(5, ge=1, description="an alert that was raised so often rises")
    alert_escalation_hours: float = Field(24, gt=0, description="so does one that nobody acknowledged for so long")
    alert_quiet_hours: float = Field(12, ge=0, description="the same alert within this time is counted, not sent again")
    alert_from: str = Field(
        "neuroweaver@localhost", pattern=r"^[^\s,<>]+@[^\s,<>]+$", description="sender of the mails"
    )
    smtp_url: str = Field(
        "smtp://127.0.0.1:25",
        pattern=r"^smtps?://([^:@/\s]+@)?([^:@/\s\[\]]+|\[[\da-fA-F:]+\])(:\d+)?/?$",
        description="the mail server: smtp:// with STARTTLS, or smtps://; user@host where it wants a login (%40 for an "
        "@ in the user); the password is the file secrets/smtp in home, or WEAVER_SMTP_PASSWORD",
    )
    smtp_password: SecretStr = Field(SecretStr(""), exclude=True)  # so that nothing passes it on or writes it down
    smtp_ca: str = Field("", description="certificates that the mail server's is checked with; empty: the system's")
    judge_url: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="an OpenAI-compatible server that judges answers; empty: a local one",
    )
    judge_key: SecretStr = Field(SecretStr(""), exclude=True, description="its key")
    judge_model: str = Field("", description="the model that it is asked for")
    ray_address: str = Field("", description="a Ray cluster; empty: refine starts one of its own where a plan says ray")

    @property
    def airflow_url(self) -> str:
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
        return self.tracking_uri or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def triton_url(self) -> str:
        return f"http://127.0.0.1:{self.triton_http_port}"

    @property
    def secrets(self) -> Path:
        """The folder of generated passwords, readable by its owner alone: one file a secret."""
        return self.home / "secrets"

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()


@cache
def settings() -> Settings:
    """What the environment says, read once.

    Raises:
        WeaverError: a variable has a value that cannot be.
    """
    try:
        loaded = Settings()
    except ValidationError as error:
        faults = [(str(e["loc"][0]), e) for e in error.errors()]
        values = {name: "…" if name in SECRET else repr(e["input"]) for name, e in faults}
        wrong = "; ".join(f"WEAVER_{name.upper()}={values[name]}: {e['msg']}" for name, e in faults)
        raise WeaverError(wrong, "Correct the variable, or unset it.") from None
    home = loaded.home.expanduser().resolve()
    return loaded.model_copy(update={"home": home, "templates": home / loaded.templates.expanduser()})


def work_folder(template: str) -> Path:
    """Where the results of a template's stages are on this machine."""
    return settings().home / "work" / template


def quiet_libraries() -> None:
    """No hub, no telemetry, no progress bars and no hints in logs; call it before torch and tqdm are imported."""
    hub = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS")
    for name in (*hub, "TQDM_DISABLE", "DO_NOT_TRACK", "DVC_NO_ANALYTICS"):
        os.environ.setdefault(name, "1")
    for logger, level in NOISY_LOGGERS.items():
        logging.getLogger(logger).setLevel(level)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # What is printed is for scripts to read.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # Threads that wait for each other sleep instead of spinning: training shares its cores with the servers.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
