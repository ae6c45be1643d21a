"""Stopping the stack, without real servers."""

import os
import subprocess
import sys
from pathlib import Path

from pipelines.core.settings import settings
from pipelines.stack import control, servers, supervision

SERVER = """
import socket, time
memory = b"x" * (400 << 20)  # the kernel takes it back before the port, and that takes a while
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    time.sleep(600)
"""


def test_ports_are_free_after_the_stack_has_stopped(home: Path) -> None:
    environment = os.environ | {servers.HOME_VARIABLE: str(settings().home)}
    with subprocess.Popen([sys.executable, "-c", SERVER], env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        port = int(server.stdout.readline())
        supervision.stop_all()
        control.check_port_is_free(port, "WEAVER_MLFLOW_PORT")
