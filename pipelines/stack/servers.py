"""The seven servers of the local stack, with all of their settings.

Settings are environment variables wherever the server has one: its child processes inherit them, and secrets do not
show in `ps`.
"""

import os
import sysconfig
from importlib.metadata import version
from pathlib import Path

from pipelines.core.settings import REPOSITORY, SERVICE_ACCOUNT, settings
from pipelines.stack import triton_server

HOME_VARIABLE = "NEUROWEAVER_STACK"  # in the environment of every process of a stack: the stack's home
HOST = "127.0.0.1"

AIRFLOW = {
    "api-server": ["airflow", "api-server"],
    "scheduler": ["airflow", "scheduler", "--skip-serve-logs"],  # a log server would listen on all interfaces
    "dag-processor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
}
PORTS = ["airflow_port", "mlflow_port", "gateway_port", "triton_http_port", "triton_grpc_port"]
SERVING = ["triton", "gateway"]
FOLDERS = {"mlflow": "mlflow", "triton": "serving/triton", "gateway": "serving"} | dict.fromkeys(AIRFLOW, "airflow")


def server_names() -> list[str]:
    """The servers in the order of their start; your own tracking server replaces the local MLflow."""
    return [*([] if settings().tracking_uri else ["mlflow"]), *SERVING, *AIRFLOW]


def server_command(server: str) -> list[str]:
    """The command line that starts a server."""
    if server == "mlflow":
        return ["mlflow", "server", "--app-name", "basic-auth", "--workers", "1"]
    if server == "triton":
        return triton_server.command()
    return ["weaver", "serve"] if server == "gateway" else AIRFLOW[server]


def server_folder(server: str) -> Path:
    """A server's working directory: not the repository, whose folder mlflow/ would shadow the library."""
    return settings().home / FOLDERS[server]


def environment() -> dict[str, str]:
    """The settings of all servers and of the tasks they run, without secrets."""
    here, home = settings(), settings().home
    ours = {f"WEAVER_{field.upper()}": str(value) for field, value in here.model_dump().items()}
    return ours | {
        HOME_VARIABLE: str(home),
        "DO_NOT_TRACK": "1",
        "DVC_NO_ANALYTICS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "TQDM_DISABLE": "1",  # a progress bar is an ERROR in a task's log
        "TOKENIZERS_PARALLELISM": "false",
        "SPT_NOENV": "1",  # a process that renames itself keeps its environment, and so HOME_VARIABLE, readable
        # MLflow
        "MLFLOW_HOST": HOST,
        "MLFLOW_PORT": str(here.mlflow_port),
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{home}/mlflow/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(home / "mlflow" / "artifacts"),
        "MLFLOW_SERVE_ARTIFACTS": "true",
        "MLFLOW_AUTH_CONFIG_PATH": str(REPOSITORY / "mlflow" / "basic_auth.ini"),
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST}:{here.mlflow_port},localhost:{here.mlflow_port}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes and 1.9 GB that nothing here uses
        "MLFLOW_UVICORN_OPTS": "--no-access-log",
        # Airflow
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(here.airflow_port),
        "AIRFLOW__API__BASE_URL": here.airflow_url,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{here.airflow_url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default waits for DNS
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        "AIRFLOW__CORE__PARALLELISM": "3",  # tasks at a time; SQLite was seen to lock under six
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(here.secrets / "airflow_users.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"admin:admin,reviewer:user,engineer:op,{SERVICE_ACCOUNT}:user",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",  # seconds until a form shows what is new
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",  # seconds until a new DAG file is seen
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url(60),  # SQLite allows one write at a time; others wait
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "false",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow.dag_processing.dagbag=WARNING",  # one line per parse
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",  # seconds
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",  # seconds until a silent task is retried
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "9",  # a task survives a minute without the api-server
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "10",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",  # seconds; five are too few on a busy machine
        "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "5",  # seconds that a dead task's children keep it "running"
    }


def secret_environment() -> dict[str, str]:
    """The secrets that servers take from their environment."""
    secret = settings().secret
    return {
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": secret("mlflow"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret("mlflow_session"),
        "AIRFLOW__API__SECRET_KEY": secret("airflow_session"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secret("airflow_jwt"),
        "AIRFLOW__CORE__FERNET_KEY": secret("airflow_fernet"),
    }


def full_environment() -> dict[str, str]:
    """The environment of supervisord and all processes below it; this installation's programs come first on PATH."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    return os.environ | {"PATH": path} | environment() | secret_environment()


def own_environment(server: str) -> dict[str, str]:
    """The settings of one server alone."""
    if server == "triton":
        return triton_server.environment()
    if server != "api-server":
        return {}
    # It writes its audit log from within its event loop. If another of its requests is writing at that moment, that one
    # waits for the loop and the loop for the database: a deadlock until this timeout is over.
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url(5)}


def database_url(timeout: int) -> str:
    """Airflow's database; `timeout` is how many seconds a write waits for another."""
    return f"sqlite:///{server_folder('scheduler') / 'airflow.db'}?timeout={timeout}"


def versions() -> dict[str, str]:
    """The versions whose change needs a restart."""
    return {name: version(name) for name in ("apache-airflow", "mlflow")}
