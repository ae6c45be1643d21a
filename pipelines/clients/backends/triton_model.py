"""A version as Triton runs it: llama.cpp in Triton's Python backend, an answer in pieces (decoupled).

It is copied beside its GGUF file and runs in the serving environment, which has neither this package nor its libraries.
"""

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as triton
import xllamacpp


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(args["model_repository"], args["model_version"])
        settings = json.loads((folder / "settings.json").read_text())
        wanted = parameters(folder / "model.gguf", **settings)
        wanted.model_alias = {f"{args['model_name']}-v{args['model_version']}"}
        with tempfile.TemporaryDirectory() as nowhere:  # a Server must listen; nobody can connect once this is gone
            wanted.hostnames = [f"{nowhere}/llama.sock"]
            self.server = xllamacpp.Server(wanted)
        self.workers = ThreadPoolExecutor(settings["parallel"])

    def execute(self, requests: list[Any]) -> None:
        """Each is answered by a thread: Triton hands over the next ones meanwhile."""
        for request in requests:
            self.workers.submit(answer, self.server, request)

    def finalize(self) -> None:
        self.workers.shutdown()


def answer(server: xllamacpp.Server, request: Any) -> None:
    sender, faults = request.get_response_sender(), []

    def send(chunk: dict[str, Any]) -> bool:
        """True stops the engine: whoever asked has gone."""
        if "error" in chunk:
            faults.append(chunk["error"])
        else:
            text = np.array([json.dumps(chunk).encode()], dtype=np.object_)
            sender.send(triton.InferenceResponse([triton.Tensor("chunk", text)]))
        return bool(faults or sender.is_cancelled())

    try:
        asked = json.loads(triton.get_input_tensor_by_name(request, "request").as_numpy()[0])
        if answered := server.handle_chat_completions(asked, send):
            send(answered)
    except Exception as error:
        faults.append({"message": str(error), "code": 400 if isinstance(error, ValueError) else 500})
    if faults:
        # Error and final flag in one: Triton 2.51 dies of what follows an error in a gRPC stream with status codes.
        kind = triton.TritonError.INVALID_ARG if faults[0]["code"] == 400 else triton.TritonError.INTERNAL
        told = triton.InferenceResponse(error=triton.TritonError(faults[0]["message"], kind))
        sender.send(told, triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
    else:
        sender.send(flags=triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def parameters(gguf: Path, context: int, parallel: int, threads: int) -> xllamacpp.CommonParams:
    """As `llama_server.py` has them, for the same reasons."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(gguf)
    wanted.n_ctx = context * parallel
    wanted.n_parallel = parallel
    wanted.cpuparams.n_threads = threads
    wanted.cpuparams_batch.n_threads = threads
    wanted.cache_ram_mib = 0
    wanted.fit_params = False
    wanted.ui = False
    wanted.verbosity = 2
    return wanted
