"""A request log of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.request_log import RequestLog, log_folder


@pytest.fixture
def log(home: Path) -> Iterator[RequestLog]:
    log = RequestLog(log_folder())
    yield log
    log.close()
