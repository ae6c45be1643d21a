"""The interface of llmapi, the program of TensorRT-LLM's repository that serves a Hugging Face folder in Triton.

Its input is a prompt rather than a conversation, and each response has the complete text so far: rendering the prompt,
counting tokens and splitting the text into pieces is done here.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from google.protobuf import text_format
from tritonclient.grpc import InferInput, InferResult, model_config_pb2

from pipelines.clients.backends import Chunk
from pipelines.core.errors import WeaverError
from pipelines.core.settings import quiet_libraries
from pipelines.text import chat_format

# Tensor → type, dimensions, and the key of OpenAI's request.
INPUTS = {
    "text_input": ("STRING", -1, ""),
    "streaming": ("BOOL", 1, ""),
    "return_finish_reason": ("BOOL", 1, ""),
    "sampling_param_exclude_input_from_output": ("BOOL", 1, ""),
    "sampling_param_max_tokens": ("INT32", 1, "max_tokens"),
    "sampling_param_temperature": ("FP32", 1, "temperature"),
    "sampling_param_top_p": ("FP32", 1, "top_p"),
    "sampling_param_frequency_penalty": ("FP32", 1, "frequency_penalty"),
    "sampling_param_presence_penalty": ("FP32", 1, "presence_penalty"),
    "sampling_param_seed": ("UINT64", 1, "seed"),
    "sampling_param_stop": ("STRING", -1, "stop"),
}
OUTPUTS = {"text_output": ("STRING", -1), "finish_reason": ("STRING", -1)}
NUMPY = {"STRING": np.object_, "BOOL": np.bool_, "INT32": np.int32, "FP32": np.float32, "UINT64": np.uint64}


def make_config(name: str) -> str:
    """Triton's configuration of a model; the engine's is in model.yaml."""
    config = model_config_pb2.ModelConfig(name=name, backend="python")
    config.instance_group.add(kind="KIND_CPU", count=1)  # of the process; its engine uses the GPU
    for tensor, (kind, size, _) in INPUTS.items():
        config.input.add(name=tensor, data_type=f"TYPE_{kind}", dims=[size], optional=tensor != "text_input")
    for tensor, (kind, size) in OUTPUTS.items():
        config.output.add(name=tensor, data_type=f"TYPE_{kind}", dims=[size])
    return str(text_format.MessageToString(config))


def check_entry(entry: Path) -> None:
    """Check that a model of the repository, which somebody may have tuned, still has the expected interface.

    Raises:
        WeaverError: names the file, and the field at fault.
    """
    file = entry / "config.pbtxt"
    try:
        config = text_format.Parse(file.read_text(), model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise WeaverError(f"{file} is invalid: {error}", "Remove the file, and deploy again.") from error
    expected = text_format.Parse(make_config(entry.name), model_config_pb2.ModelConfig())
    for field in ("name", "backend", "max_batch_size", "input", "output"):
        if getattr(config, field) != getattr(expected, field):
            raise WeaverError(f"{file}: the field {field} was changed", "Remove the file, and deploy again.")
    file = entry / "1" / "model.yaml"
    arguments = yaml.safe_load(file.read_text())
    if arguments["triton_config"] != {"max_batch_size": 0, "decoupled": True}:
        raise WeaverError(f"{file}: triton_config must be decoupled and unbatched", "Correct the file.")
    if not Path(arguments["tokenizer"]).is_dir():
        raise WeaverError(f"{file}: its tokenizer folder does not exist any more", "Unload the version.")


@cache
def load_tokenizer(folder: Path) -> Any:
    """A model's tokenizer."""
    quiet_libraries()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def render_prompt(tokenizer: Any, messages: list[chat_format.Message]) -> str:
    """The conversation as text; without the BOS token where the engine adds one to every text."""
    text = chat_format.apply_chat_template(tokenizer, messages, add_generation_prompt=True)
    begins = tokenizer.bos_token_id is not None and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]
    return text.removeprefix(tokenizer.bos_token) if begins else text


def make_tensors(prompt: str, request: dict[str, Any]) -> list[InferInput]:
    """An OpenAI request as llmapi's tensors; what it does not give is left to the engine."""
    values_by_name: dict[str, Any] = {name: True for name, (kind, _, _) in INPUTS.items() if kind == "BOOL"}
    values_by_name["text_input"] = prompt
    values_by_name |= {name: request[field] for name, (_, _, field) in INPUTS.items() if request.get(field) is not None}
    tensors = []
    for name, value in values_by_name.items():
        kind = INPUTS[name][0]
        values = [value] if isinstance(value, str) or not isinstance(value, list) else value
        array = np.array([text.encode() for text in values] if kind == "STRING" else values, dtype=NUMPY[kind])
        tensors.append(InferInput(name, [len(array)], "BYTES" if kind == "STRING" else kind))
        tensors[-1].set_data_from_numpy(array)
    return tensors


class AnswerReader:
    """Turns llmapi's responses into chunks: the text so far, and the finish reason (stop, length) once there is one."""

    def __init__(self, model: str) -> None:
        self.model, self.text, self.finish = model, "", ""

    def add(self, result: InferResult) -> Chunk | None:
        """The chunk that a response adds; None while a character is incomplete."""
        text, finish = result.as_numpy("text_output"), result.as_numpy("finish_reason")
        if text is None:  # an empty response marks the end
            return None
        text_so_far = text[0].decode()
        if finish is not None and finish[0] != b"None":
            self.finish = finish[0].decode()
        if text_so_far.endswith("\ufffd") and not self.finish:
            return None
        piece, self.text = text_so_far[len(self.text) :], text_so_far
        return self.chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": self.finish or None}])

    def usage(self, tokenizer: Any, prompt: str) -> Chunk:
        """The last chunk; tokens are counted here, as Triton does not return them."""
        prompt_tokens, completion_tokens = (len(tokenizer(text).input_ids) for text in (prompt, self.text))
        usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }
        return self.chunk([]) | {"usage": usage}

    def chunk(self, choices: list[dict[str, Any]]) -> Chunk:
        """An OpenAI chunk."""
        return {"object": "chat.completion.chunk", "model": self.model, "choices": choices}
