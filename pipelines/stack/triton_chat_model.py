"""Triton's model `chat_completion`: a whole answer in one piece, for clients that cannot take it piece by piece.

Triton answers plain inference over HTTP only for models that are not decoupled. This one passes the request on to the
version that its `model` names (service_advisor-v3). It runs in the serving environment, without this package.
"""

import json
from typing import Any

import triton_python_backend_utils as triton


class TritonPythonModel:
    def execute(self, requests: list[Any]) -> list[Any]:
        return [complete(request) for request in requests]


def complete(request: Any) -> Any:
    asked = triton.get_input_tensor_by_name(request, "request")
    try:
        name, _, version = json.loads(asked.as_numpy()[0])["model"].rpartition("-v")
        version = int(version)
    except (ValueError, LookupError, TypeError, AttributeError):
        return failure("the request is no JSON with a `model` such as service_advisor-v3")
    passed_on = triton.InferenceRequest(
        model_name=name, model_version=version, inputs=[asked], requested_output_names=["chunk"]
    )
    pieces = []
    for answer in passed_on.exec(decoupled=True):
        if answer.has_error():
            return failure(answer.error().message())
        pieces += [tensor.as_numpy() for tensor in answer.output_tensors()]
    if len(pieces) != 1:
        return failure("a request to this model has no `stream`")
    return triton.InferenceResponse([triton.Tensor("completion", pieces[0])])


def failure(words: str) -> Any:
    return triton.InferenceResponse(error=triton.TritonError(words, triton.TritonError.INVALID_ARG))
