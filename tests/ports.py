"""Where the servers that tests start may listen."""

import socket
from contextlib import closing


def free_port() -> int:
    """A port of this machine on which nobody listens at the moment."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port
