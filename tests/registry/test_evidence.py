"""The pack that a decision rests on is whole, signed, the same each time, and says what the nouns say."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
import stamina
from safetensors.numpy import save_file

from pipelines import signing
from pipelines.artifacts import (
    Adapter,
    Behaviour,
    Candidate,
    Comparison,
    DatasetVersion,
    Evaluation,
    Evidence,
    Export,
    Rule,
    Verdict,
)
from pipelines.datasets.refine.account import Account
from pipelines.errors import WeaverError
from pipelines.files import digest, write_jsonl
from pipelines.kits.automotive import service_advisor
from pipelines.plan import TrainingPlan
from pipelines.registry.evidence import collect
from pipelines.settings import settings
from pipelines.templates import make_plan
from pipelines.tracking import tracking


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real MLflow server."""
    from tests.ports import free_port

    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "a")]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for attempt in stamina.retry_context(on=httpx.HTTPError, attempts=None, timeout=120, wait_max=0.5):
            with attempt:
                httpx.get(f"http://127.0.0.1:{port}/health").raise_for_status()
        yield f"http://127.0.0.1:{port}"
        process.terminate()
