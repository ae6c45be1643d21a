"""A home that nobody else uses, for the benches that start servers: on free ports, and gone afterwards."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipelines.core.settings import settings
from pipelines.stack import servers, supervision
from tests.ports import free_port


@contextmanager
def own_home() -> Iterator[Path]:
    """A WEAVER_HOME of its own while this lasts, for this process and those that it starts; its servers end with it."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="weaver-bench-", ignore_cleanup_errors=True) as folder:
        os.environ |= {f"WEAVER_{port.upper()}": str(free_port()) for port in servers.PORTS}
        os.environ["WEAVER_HOME"] = folder
        settings.cache_clear()
        try:
            yield Path(folder)
        finally:
            supervision.stop_all()
            os.environ.clear()
            os.environ |= before
            settings.cache_clear()


def wait_for(health: str, **headers: str) -> None:
    """Return once a server says that it is well.

    Raises:
        httpx.HTTPError: it did not in two minutes.
    """
    end = time.monotonic() + 120
    while True:
        try:
            httpx.get(health, headers=headers, timeout=5, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)
