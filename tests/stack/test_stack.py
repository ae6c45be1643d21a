"""The real local servers: their addresses, their authentication, and their recovery after any end."""

import concurrent.futures
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

SERVERS = ["mlflow", "triton", "gateway", "api-server", "scheduler", "dag-processor", "triggerer"]


def servers(stack: Any) -> list[dict[str, Any]]:
    """Those of every home; a version that other tests have deployed is a process beside them."""
    return [server for server in stack.json("status") if server["name"] in SERVERS]


def states(stack: Any) -> dict[str, str]:
    return {server["name"]: server["state"] for server in servers(stack)}


def pids(stack: Any) -> dict[str, int]:
    return {server["name"]: server["pid"] for server in servers(stack)}


def supervisord(stack: Any) -> psutil.Process:
    (process,) = [process for process in stack.processes() if process.name() == "supervisord"]
    return process


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.5)


def test_every_server_is_healthy(stack: Any) -> None:
    assert states(stack) == dict.fromkeys(SERVERS, "healthy")


def test_up_is_idempotent(stack: Any) -> None:
    before = pids(stack)
    began = time.monotonic()
    assert stack.weaver("up").returncode == 0
    assert time.monotonic() - began < 15
    assert pids(stack) == before


def test_changed_settings_are_an_error_while_the_servers_run(stack: Any) -> None:
    done = stack.weaver("up", WEAVER_PROFILE="gpu")
    assert done.returncode == 1
    assert "other settings of WEAVER_PROFILE" in done.stderr and "weaver down" in done.stderr
    assert states(stack) == dict.fromkeys(SERVERS, "healthy")


def test_the_servers_listen_on_this_machine_only(stack: Any) -> None:
    listening = {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)  # as gRPC writes an IPv4 address
        for process in stack.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    urls = (stack.airflow_url, stack.mlflow_url, stack.gateway_url, stack.triton_url, stack.triton_grpc_url)
    ports = {int(url.rpartition(":")[2]) for url in urls}
    assert listening == {("127.0.0.1", port) for port in ports}


@pytest.mark.parametrize("path", ["/api/v2/dags", "/api/v2/pools", "/api/v2/config", "/ui/dags"])
def test_airflow_requires_a_password(stack: Any, path: str) -> None:
    assert httpx.get(stack.airflow_url + path).status_code == 401
    assert stack.airflow().get(path).status_code != 401
    wrong = httpx.post(f"{stack.airflow_url}/auth/token", json={"username": "admin", "password": "admin"})
    assert wrong.status_code == 401


@pytest.mark.parametrize("path", ["/", "/api/2.0/mlflow/registered-models/search", "/get-artifact?path=a&run_uuid=b"])
def test_mlflow_requires_a_password(stack: Any, path: str) -> None:
    address = stack.mlflow_url + path
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, auth=("admin", "password1234")).status_code == 401
    assert httpx.get(address, auth=("admin", stack.secret("mlflow"))).status_code != 401


def test_another_host_name_is_rejected(stack: Any) -> None:
    """A web page whose name resolves to this machine (DNS rebinding) gets nothing, with or without a password."""
    answer = httpx.get(
        f"{stack.mlflow_url}/api/2.0/mlflow/registered-models/search",
        auth=("admin", stack.secret("mlflow")),
        headers={"Host": "evil.example"},
    )
    assert answer.status_code == 403


def test_a_reviewer_can_score_and_approve_but_not_change_metrics(stack: Any) -> None:
    client = stack.mlflow()
    run = client.create_run(client.create_experiment("looked at")).info
    client.log_text(run.run_id, "{}", "adapter/adapter_config.json")
    client.create_registered_model("looked_at")
    client.create_model_version("looked_at", f"{run.artifact_uri}/adapter", run.run_id)
    with httpx.Client(base_url=stack.mlflow_url, auth=("reviewer", stack.secret("mlflow_reviewer"))) as mlflow:
        api = "/api/2.0/mlflow"
        assert mlflow.get(f"{api}/registered-models/get", params={"name": "looked_at"}).status_code == 200
        approved = {"name": "looked_at", "alias": "approved", "version": "1"}
        assert mlflow.post(f"{api}/registered-models/alias", json=approved).status_code == 200
        version = {"name": "looked_at", "version": "1"}
        metric = {"run_id": run.run_id, "key": "facts", "value": 1, "timestamp": 0, "step": 0}
        forbidden = {
            "runs/log-metric": metric,
            "runs/delete": {"run_id": run.run_id},
            "model-versions/set-tag": version | {"key": "decision", "value": "approved"},
        }
        codes = {path: mlflow.post(f"{api}/{path}", json=body).status_code for path, body in forbidden.items()}
        assert set(codes.values()) == {403}, codes
        assert mlflow.request("DELETE", f"{api}/registered-models/delete", json=version).status_code == 403

    airflow = stack.airflow("reviewer", "airflow_reviewer")
    assert airflow.get("/api/v2/dags").status_code == 200
    assert airflow.post("/api/v2/pools", json={"name": "mine", "slots": 9}).status_code == 403


def test_only_the_owner_can_read_secrets(stack: Any) -> None:
    folder = stack.home / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    logins = stack.json("logins")
    assert {(login["server"], login["user"]) for login in logins} == {
        *((server, user) for server in ("airflow", "mlflow") for user in ("admin", "reviewer")),
        ("airflow", "engineer"),
        ("gateway", ""),
        ("triton", ""),
    }
    # Triton's keys are on its command line, and so in supervisord's configuration.
    keys = {stack.secret("triton"), stack.secret("triton_control")}
    seen = [" ".join(process.cmdline()) for process in stack.processes() if process.name() != "tritonserver"]
    logs = [*(stack.home / "logs").iterdir(), *(stack.home / "airflow" / "logs").rglob("*.log")]
    seen += [file.read_text(errors="replace") for file in logs if file.is_file()]
    seen += [file.read_text() for file in (stack.home / "stack").glob("*.json")]
    configuration = stack.home / "stack" / "supervisord.conf"
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    secrets = {file.read_text() for file in folder.iterdir()}
    assert {secret for secret in secrets if secret in configuration.read_text()} == keys
    assert len(seen) > 10
    assert not [text for text in seen for secret in secrets if secret in text]


def test_artifacts_are_in_home_and_the_training_pool_exists(stack: Any) -> None:
    """The MLflow library is used, not the repository's folder of the same name; and the training pool exists."""
    client = stack.mlflow()
    run = client.create_run(client.create_experiment("where"))
    client.log_text(run.info.run_id, "here", "note.txt")
    (note,) = (stack.home / "mlflow" / "artifacts").rglob("note.txt")
    assert note.read_text() == "here"
    assert stack.airflow().get("/api/v2/pools/training").json()["slots"] == 1


def test_a_killed_server_is_restarted(stack: Any) -> None:
    before = pids(stack)
    os.kill(before["scheduler"], signal.SIGKILL)
    until(lambda: states(stack)["scheduler"] == "healthy" and pids(stack)["scheduler"] != before["scheduler"])
    assert [name for name, pid in pids(stack).items() if pid != before[name]] == ["scheduler"]


@pytest.mark.slow
def test_up_recovers_from_a_killed_supervisor(stack: Any) -> None:
    old = stack.processes()
    supervisord(stack).kill()
    until(lambda: states(stack) == dict.fromkeys(SERVERS, "stopped"))
    assert stack.weaver("up").returncode == 0
    assert states(stack) == dict.fromkeys(SERVERS, "healthy")
    assert not [process for process in old if process.is_running()]


def test_down_stops_everything_and_two_concurrent_ups_start_one_stack(stack: Any) -> None:
    stack.json("down")
    assert not stack.processes()
    assert states(stack) == dict.fromkeys(SERVERS, "stopped")
    with pytest.raises(httpx.ConnectError):
        httpx.get(stack.mlflow_url)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: stack.weaver("up"), range(2)))
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    assert states(stack) == dict.fromkeys(SERVERS, "healthy")
    assert supervisord(stack)


def test_a_port_in_use_is_named_with_its_process_and_the_setting(stack: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = stack.weaver("up", WEAVER_HOME=str(tmp_path), WEAVER_AIRFLOW_PORT=port)
        stderr = " ".join(done.stderr.split())
        assert done.returncode == 1
        assert f"port {port} " in stderr and f"process {os.getpid()}" in stderr and "WEAVER_AIRFLOW_PORT=" in stderr
        assert "Traceback" not in stderr

        doctor = stack.weaver("doctor", "--json", WEAVER_HOME=str(tmp_path), WEAVER_AIRFLOW_PORT=port)
        assert doctor.returncode == 1 and f"process {os.getpid()}" in doctor.stdout


@pytest.mark.slow
def test_a_server_that_fails_to_start_is_quoted_and_everything_is_stopped(stack: Any, tmp_path: Path) -> None:
    """In a home, too, whose path is too long for a socket's name."""
    home = tmp_path / "a_dealership_with_a_very_long_name" / "and_a_percent_%_sign" / "and its own ideas of folders"
    (home / "mlflow").mkdir(parents=True)
    (home / "mlflow" / "mlflow.db").write_text("this is not a database")
    other = type(stack)(home)
    done = other.weaver("up")
    stderr = " ".join(done.stderr.split())
    assert done.returncode == 1
    assert "mlflow failed" in stderr and "file is not a database" in stderr
    assert str(home / "logs" / "mlflow.log") in done.stderr.replace("\n", "")
    assert not other.processes()
