"""A real S3 server for the tests of this room: SeaweedFS, on ports and in a folder of its own."""

import json
import os
import secrets
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.artifacts import Splits
from pipelines.datasets.split import digest_of
from pipelines.files import write_jsonl
from pipelines.settings import settings

from ..ports import free_port

# What fails in there says what differs, as it does in a test.
pytest.register_assert_rewrite("tests.datasets.own_data", "tests.datasets.registry")


class ObjectStore:
    """`weed mini`: master, volume, filer and S3 in one process; what it acknowledged survives a kill."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key, self.secret = folder, secrets.token_hex(10), secrets.token_hex(20)
        self.ports = {part: free_port() for part in ("s3", "filer", "master", "volume", "admin")}
        self.url = f"http://127.0.0.1:{self.ports['s3']}"
        credentials = [{"accessKey": self.key, "secretKey": self.secret}]
        identity = {"name": "tests", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
        (folder / "data").mkdir()
        (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ports = [f"-{part}.port{kind}={port}" for part, number in self.ports.items() if part != "s3"
                 for kind, port in (("", number), (".grpc", free_port()))]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    Path(sysconfig.get_path("scripts"), "weed"), "mini", f"-dir={self.folder / 'data'}",
                    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false",
                    "-admin.ui=false", "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
                    f"-s3.port={self.ports['s3']}", f"-s3.port.grpc={free_port()}",
                    f"-s3.config={self.folder / 'identities.json'}", *ports,
                ],
                env=os.environ | {"GOMEMLIMIT": "300MiB"}, cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + 120
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.2)

    def answers(self) -> bool:
        """Whether it takes and gives an object, which it does some seconds after its port is open."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self.client()
            if "probe" not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket="probe")
            client.put_object(Bucket="probe", Key="probe", Body=b"1")
            return client.get_object(Bucket="probe", Key="probe")["Body"].read() == b"1"
        except (BotoCoreError, ClientError):
            return False

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=self.key, aws_secret_access_key=self.secret,
            region_name="us-east-1", config=Config(connect_timeout=2, read_timeout=20, retries={"max_attempts": 1}),
        )  # fmt: skip

    def bucket(self) -> str:
        """A fresh one."""
        name = f"bucket-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path_factory.mktemp("s3"))
    store.start()
    yield store
    store.kill()


@pytest.fixture
def s3(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The object store, named by the standard variables of AWS, which boto3, s3fs and DVC read themselves."""
    if not object_store.answers():
        object_store.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", object_store.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", object_store.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    settings.cache_clear()
    return object_store


@pytest.fixture
def splits(home: Path, tmp_path: Path) -> Callable[..., Splits]:
    """Splits of some training rows and one held-out row."""

    def make(rows: int) -> Splits:
        folder = tmp_path / f"splits of {rows}"
        write_jsonl(folder / "train.jsonl", [{"instruction": f"question {number}"} for number in range(rows)])
        write_jsonl(folder / "heldout.jsonl", [{"instruction": "held out"}])
        return Splits(uri=str(folder), digest=digest_of(folder), rows={"train": rows, "heldout": 1}, dropped={})

    return make
