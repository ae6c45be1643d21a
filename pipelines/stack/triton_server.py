"""NVIDIA Triton as one of the servers: where it is installed, how it is started, and its access keys."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from pipelines.core.files import atomic_write, digest, write_text
from pipelines.core.settings import SERVING, TRITON_KEY, settings

CLIENT_APIS = "inference,metadata,health"  # with the key `triton`
CONTROL_APIS = "model-repository,model-config,shared-memory,statistics,trace,logging"  # with the key `triton_control`

CHAT = """\
backend: "python"
max_batch_size: 0
input [ { name: "request" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "completion" data_type: TYPE_STRING dims: [ 1 ] } ]
instance_group [ { kind: KIND_CPU count: 2 } ]
"""


def triton_folder() -> Path:
    """The folder of Triton in the serving environment, as the package pytriton ships it."""
    return site_packages() / "pytriton" / "tritonserver"


def site_packages() -> Path:
    """The serving environment's packages."""
    return Path(sysconfig.get_path("purelib", vars={"base": str(SERVING)}))


def command() -> list[str]:
    """The command line that starts Triton. Keys can only be given here, so users of this machine see them in `ps`."""
    here = settings()
    keys = {CLIENT_APIS: here.secret("triton"), CONTROL_APIS: here.secret("triton_control")}
    return [
        str(triton_folder() / "bin" / "tritonserver"),
        "--model-repository=models",
        "--model-repository=own",
        "--model-control-mode=explicit",
        "--load-model=*",  # deployed versions are loaded again after a restart
        "--exit-on-error=false",  # a model that does not load does not stop the others
        "--strict-readiness=false",
        "--backend-directory=backends",
        f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix()}",
        "--http-address=127.0.0.1",
        f"--http-port={here.triton_http_port}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={here.triton_grpc_port}",
        "--allow-metrics=false",  # the gateway has more, and this would need a third port
        *(f"--http-restricted-api={apis}:{TRITON_KEY}={secret}" for apis, secret in keys.items()),
        *(f"--grpc-restricted-protocol={apis}:{TRITON_KEY}={secret}" for apis, secret in keys.items()),
    ]


def shared_memory_prefix() -> str:
    """The prefix of its shared memory's names in /dev/shm."""
    return f"weaver-{digest(str(settings().home))[:12]}-"


def remove_shared_memory() -> None:
    """Remove the shared memory that a killed Triton left behind."""
    for region in Path("/dev/shm").glob(f"{shared_memory_prefix()}*"):
        region.unlink(missing_ok=True)


def environment() -> dict[str, str]:
    """Triton's own environment: its libraries, and the serving environment for its Python models."""
    libraries = [str(site_packages() / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR")]
    return {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "PATH": os.pathsep.join([str(SERVING / "bin"), os.defpath]),
        "PYTHONPATH": str(site_packages()),
    }


def prepare_folders() -> None:
    """Prepare its folders: deployed models, the model chat_completion, and the Python backend in Triton's layout."""
    home = settings().home / "serving" / "triton"
    (home / "models").mkdir(mode=0o700, parents=True, exist_ok=True)
    chat = home / "own" / "chat_completion"
    write_text(chat / "config.pbtxt", CHAT)
    write_text(chat / "1" / "model.py", Path(__file__).with_name("triton_chat_model.py").read_text())
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not (home / "backends" / "python").exists():
        with atomic_write(home / "backends" / "python") as temporary:
            shutil.copytree(triton_folder() / "backends" / "python", temporary)
            stub = temporary / "triton_python_backend_stub"
            shutil.copyfile(triton_folder() / "python_backend_stubs" / version / stub.name, stub)
            stub.chmod(0o700)
