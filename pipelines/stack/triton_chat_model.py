"""Triton's model `chat_completion`: the complete answer in one response, for clients that cannot stream.

Triton supports plain inference over HTTP only for models that are not decoupled. This one forwards the request to the
version that its `model` names (service_advisor-v3). It runs in the serving environment, without this package.
"""

import json
from typing import Any

import triton_python_backend_utils as triton


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch of requests."""
        return [complete(request) for request in requests]


def complete(request: Any) -> Any:
    """Forward a request and return the complete answer, or an error."""
    tensor = triton.get_input_tensor_by_name(request, "request")
    try:
        name, _, version = json.loads(tensor.as_numpy()[0])["model"].rpartition("-v")
        version = int(version)
    except (ValueError, LookupError, TypeError, AttributeError):
        return make_error("the request is not JSON with a `model` such as service_advisor-v3")
    forwarded = triton.InferenceRequest(
        model_name=name, model_version=version, inputs=[tensor], requested_output_names=["chunk"]
    )
    pieces = []
    for response in forwarded.exec(decoupled=True):
        if response.has_error():
            return make_error(response.error().message())
        pieces += [tensor.as_numpy() for tensor in response.output_tensors()]
    if len(pieces) != 1:
        return make_error("this model does not support `stream`")
    return triton.InferenceResponse([triton.Tensor("completion", pieces[0])])


def make_error(message: str) -> Any:
    """An error response."""
    return triton.InferenceResponse(error=triton.TritonError(message, triton.TritonError.INVALID_ARG))
