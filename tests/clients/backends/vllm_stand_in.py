"""A stand-in for a vLLM server with a GPU: no model, but the endpoints and the very words of vLLM 0.32."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from safetensors import safe_open

MAX_RANK, CONTEXT = 16, 2048
BASE, _, FOLDER = os.environ.get("SERVED", "base=/models/base").partition("=")

app = FastAPI()
adapters: dict[str, str] = {}  # name → path
says = {BASE: hashlib.sha256(b"base").digest()}  # model → the bytes of its answers, in memory as weights are


@app.middleware("http")
async def with_a_key(request: Request, proceed: Any) -> Any:
    given = request.headers.get("authorization")
    if request.url.path.startswith("/v1") and given != f"Bearer {os.environ['VLLM_API_KEY']}":
        return JSONResponse({"error": "Unauthorized"}, 401)
    return await proceed(request)


@app.get("/health")
def health() -> Response:
    return Response()


@app.get("/v1/models")
def models() -> dict[str, Any]:
    cards = [{"id": BASE, "root": FOLDER, "parent": None, "max_model_len": CONTEXT}]
    return {"data": cards + [{"id": name, "root": path, "parent": BASE} for name, path in adapters.items()]}


def load(body: dict[str, str]) -> Response:
    name, path = body["lora_name"], Path(body["lora_path"])
    if name in adapters:
        return error_response(400, f"The lora adapter '{name}' has already been loaded.")
    if not path.exists():
        return error_response(404, f"Loading lora {name} failed: No adapter found for {path}")
    rank = json.loads((path / "adapter_config.json").read_text())["r"]
    if rank > MAX_RANK:
        wrong = f"LoRA rank {rank} is greater than max_lora_rank {MAX_RANK}."
        return error_response(500, f"Call to add_lora method failed: Worker failed with error '{wrong}'")
    adapters[name], says[name] = str(path), effect(path / "adapter_model.safetensors")
    return Response(f"Success: LoRA adapter '{name}' added successfully.")


def unload(body: dict[str, str]) -> Response:
    if adapters.pop(body["lora_name"], None) is None:
        return error_response(404, f"The lora adapter '{body['lora_name']}' cannot be found.")
    return Response()


if os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING"):  # else there are no such routes
    app.post("/v1/load_lora_adapter")(load)
    app.post("/v1/unload_lora_adapter")(unload)


@app.post("/v1/chat/completions", response_model=None)
def chat(body: dict[str, Any]) -> Response | dict[str, Any]:
    model = body["model"]
    if model not in (BASE, *adapters):
        return error_response(404, f"The model `{model}` does not exist.")
    if len(str(body["messages"]).split()) > CONTEXT:
        return error_response(400, f"This model's maximum context length is {CONTEXT} tokens.")
    said = says[model]
    if body.get("logprobs"):
        top = [{"token": word, "logprob": -value / 100} for word, value in zip("IAWY", said, strict=False)]
        return {"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}
    return StreamingResponse(events(said[:8]), media_type="text/event-stream")


def effect(file: Path) -> bytes:
    """An adapter whose tensors are named for another model says what the base says."""
    with safe_open(file, framework="numpy") as weights:
        named = all(name.startswith("base_model.model.model.layers.") for name in weights.keys())  # noqa: SIM118
    return hashlib.sha256(file.read_bytes()).digest() if named else says[BASE]


def events(said: bytes) -> Iterator[str]:
    for value in said:
        yield f"data: {json.dumps({'choices': [{'delta': {'content': f'{value} '}}]})}\n\n"
    yield f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 9, 'completion_tokens': len(said)}})}\n\n"
    yield "data: [DONE]\n\n"


def error_response(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "code": status}}, status)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
