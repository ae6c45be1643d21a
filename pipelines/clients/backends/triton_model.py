"""A version as Triton runs it: llama.cpp in Triton's Python backend, with streamed answers (decoupled).

It is copied beside its GGUF file and runs in the serving environment, without this package and its libraries.
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
    """The class that Triton's Python backend looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model."""
        folder = Path(args["model_repository"], args["model_version"])
        settings = json.loads((folder / "settings.json").read_text())
        parameters = make_parameters(folder / "model.gguf", **settings)
        parameters.model_alias = {f"{args['model_name']}-v{args['model_version']}"}
        with (
            tempfile.TemporaryDirectory() as nowhere
        ):  # a Server must listen; nobody can connect once the folder is removed
            parameters.hostnames = [f"{nowhere}/llama.sock"]
            self.server = xllamacpp.Server(parameters)
        self.workers = ThreadPoolExecutor(settings["parallel"])

    def execute(self, requests: list[Any]) -> None:
        """Answer each request in a thread; Triton passes the next ones meanwhile."""
        for request in requests:
            self.workers.submit(answer_request, self.server, request)

    def finalize(self) -> None:
        """Finish the requests in flight."""
        self.workers.shutdown()


def answer_request(server: xllamacpp.Server, request: Any) -> None:
    """Send the chunks of an answer, or an error."""
    sender, errors = request.get_response_sender(), []

    def send(chunk: dict[str, Any]) -> bool:
        """Send a chunk; returning True stops the engine, as the client has disconnected."""
        if "error" in chunk:
            errors.append(chunk["error"])
        else:
            text = np.array([json.dumps(chunk).encode()], dtype=np.object_)
            sender.send(triton.InferenceResponse([triton.Tensor("chunk", text)]))
        return bool(errors or sender.is_cancelled())

    try:
        body = json.loads(triton.get_input_tensor_by_name(request, "request").as_numpy()[0])
        if completion := server.handle_chat_completions(body, send):
            send(completion)
    except Exception as error:
        errors.append({"message": str(error), "code": 400 if isinstance(error, ValueError) else 500})
    if errors:
        # Error and final flag in one: Triton 2.51 crashes on what follows an error in a gRPC stream with status codes.
        kind = triton.TritonError.INVALID_ARG if errors[0]["code"] == 400 else triton.TritonError.INTERNAL
        response = triton.InferenceResponse(error=triton.TritonError(errors[0]["message"], kind))
        sender.send(response, triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
    else:
        sender.send(flags=triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def make_parameters(gguf: Path, context: int, parallel: int, threads: int) -> xllamacpp.CommonParams:
    """As in `llama_server.py`, for the same reasons."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(gguf)
    parameters.n_ctx = context * parallel
    parameters.n_parallel = parallel
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.cache_ram_mib = 0
    parameters.fit_params = False
    parameters.ui = False
    parameters.verbosity = 2
    return parameters
