"""What runs on this machine, and how it is tuned: five programs, all of their settings on this page.

A setting is an environment variable wherever the program has one: it is inherited by every process that the program
starts, and a secret in it does not show in `ps`.
"""

import os
import sysconfig
from pathlib import Path

from pipelines.settings import REPOSITORY, settings
from pipelines.stack.keys import secret

MARK = "NEUROWEAVER_STACK"  # carried by every process of a stack; its value is the stack's home

COMMANDS = {
    "mlflow": "mlflow server --app-name basic-auth --workers 1",
    "api-server": "airflow api-server",
    "scheduler": "airflow scheduler --skip-serve-logs",  # a log server would listen on every interface
    "dag-processor": "airflow dag-processor",
    "triggerer": "airflow triggerer --skip-serve-logs",
}
AIRFLOW = [name for name in COMMANDS if name != "mlflow"]


def environment() -> dict[str, str]:
    """The settings of all five programs, without what is secret."""
    here, home = settings(), settings().home
    own = {f"WEAVER_{field.upper()}": str(value) for field, value in here.model_dump().items()}
    return own | {
        MARK: str(home),
        "DO_NOT_TRACK": "1",
        "DVC_NO_ANALYTICS": "1",
        "HF_HUB_OFFLINE": "1",
        "SPT_NOENV": "1",  # a renamed process keeps its environment readable, so that MARK stays visible
        "TOKENIZERS_PARALLELISM": "false",
        # MLflow
        "MLFLOW_HOST": "127.0.0.1",
        "MLFLOW_PORT": str(here.mlflow_port),
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{home}/mlflow/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(home / "mlflow" / "artifacts"),
        "MLFLOW_SERVE_ARTIFACTS": "true",
        "MLFLOW_UVICORN_OPTS": "--no-access-log",
        "MLFLOW_AUTH_CONFIG_PATH": str(REPOSITORY / "mlflow" / "basic_auth.ini"),
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{here.mlflow_port},localhost:{here.mlflow_port}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes and 1.9 GB that nothing here uses
        # Airflow
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "3",  # SQLite was seen to lock under six
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # getfqdn waits for DNS
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{here.airflow_url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,reviewer:user",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(here.secrets / "airflow_users.json"),
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow/airflow.db?timeout=60",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(here.airflow_port),
        "AIRFLOW__API__BASE_URL": here.airflow_url,
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",  # a form shows new state within seconds
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "false",
    }


def secret_environment() -> dict[str, str]:
    return {
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": secret("mlflow"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret("mlflow_session"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secret("airflow_jwt"),
        "AIRFLOW__API__SECRET_KEY": secret("airflow_session"),
        "AIRFLOW__CORE__FERNET_KEY": secret("airflow_fernet"),
    }


def full_environment() -> dict[str, str]:
    """What supervisord and everything below it runs with; this environment's programs come first on PATH."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    return os.environ | {"PATH": path} | environment() | secret_environment()
