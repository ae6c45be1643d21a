"""NVIDIA Triton as one of the servers: where it is installed, how it is started, and who may ask it what."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from pipelines.core.files import atomic_write, digest, write_text
from pipelines.core.settings import SERVING, TRITON_KEY, settings

ASKED = "inference,metadata,health"  # with the key `triton`
RULED = "model-repository,model-config,shared-memory,statistics,trace,logging"  # with the key `triton_control`

CHAT = """\
backend: "python"
max_batch_size: 0
input [ { name: "request" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "completion" data_type: TYPE_STRING dims: [ 1 ] } ]
instance_group [ { kind: KIND_CPU count: 2 } ]
"""


def installed() -> Path:
    """The folder of Triton in the serving environment, as the package pytriton ships it."""
    return packages() / "pytriton" / "tritonserver"


def packages() -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(SERVING)}))


def command() -> list[str]:
    """Triton takes its keys from the command line only: they show in `ps` to whoever may sign in on this machine."""
    here = settings()
    keys = {ASKED: here.secret("triton"), RULED: here.secret("triton_control")}
    return [
        str(installed() / "bin" / "tritonserver"),
        "--model-repository=models",
        "--model-repository=own",
        "--model-control-mode=explicit",
        "--load-model=*",  # what was deployed comes back after a restart
        "--exit-on-error=false",  # without the model that does not load
        "--strict-readiness=false",
        "--backend-directory=backends",
        f"--backend-config=python,shm-region-prefix-name={shared_memory()}",
        "--http-address=127.0.0.1",
        f"--http-port={here.triton_http_port}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={here.triton_grpc_port}",
        "--allow-metrics=false",  # the gateway's say more, and take no third port
        *(f"--http-restricted-api={apis}:{TRITON_KEY}={secret}" for apis, secret in keys.items()),
        *(f"--grpc-restricted-protocol={apis}:{TRITON_KEY}={secret}" for apis, secret in keys.items()),
    ]


def shared_memory() -> str:
    """What the names of its shared memory begin with, in /dev/shm."""
    return f"weaver-{digest(str(settings().home))[:12]}-"


def sweep() -> None:
    """Remove the shared memory that a killed Triton left."""
    for region in Path("/dev/shm").glob(f"{shared_memory()}*"):
        region.unlink(missing_ok=True)


def environment() -> dict[str, str]:
    """Of Triton alone: its libraries, and the serving environment for the Python of its models."""
    libraries = [str(packages() / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR")]
    return {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "PATH": os.pathsep.join([str(SERVING / "bin"), os.defpath]),
        "PYTHONPATH": str(packages()),
    }


def furnish() -> None:
    """Its folders: the models, the one of our own, and the Python backend put together as Triton looks for it."""
    home = settings().home / "serving" / "triton"
    (home / "models").mkdir(mode=0o700, parents=True, exist_ok=True)
    chat = home / "own" / "chat_completion"
    write_text(chat / "config.pbtxt", CHAT)
    write_text(chat / "1" / "model.py", Path(__file__).with_name("triton_chat_model.py").read_text())
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not (home / "backends" / "python").exists():
        with atomic_write(home / "backends" / "python") as temporary:
            shutil.copytree(installed() / "backends" / "python", temporary)
            stub = temporary / "triton_python_backend_stub"
            shutil.copyfile(installed() / "python_backend_stubs" / version / stub.name, stub)
            stub.chmod(0o700)
