"""How a stack ends, seen without its servers."""

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


def test_a_port_is_free_when_the_stack_has_ended(home: Path) -> None:
    marked = os.environ | {servers.MARK: str(settings().home)}
    with subprocess.Popen([sys.executable, "-c", SERVER], env=marked, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        port = int(server.stdout.readline())
        supervision.end()
        control.check_free(port, "WEAVER_MLFLOW_PORT")
