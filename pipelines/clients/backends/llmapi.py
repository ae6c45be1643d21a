"""llmapi: the program of TensorRT-LLM's repository that serves a Hugging Face folder in Triton, and how it is asked.

It takes a prompt, not a conversation, and answers with all that was said so far: rendering, counting and cutting into
pieces is done here.
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

# What llmapi is asked and what it answers: tensor → type, dimensions, and the key of OpenAI's request.
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


def config(name: str) -> str:
    """Triton's configuration of a model; its engine's is in model.yaml."""
    made = model_config_pb2.ModelConfig(name=name, backend="python")
    made.instance_group.add(kind="KIND_CPU", count=1)  # the process is; its engine takes the GPU by itself
    for tensor, (kind, size, _) in INPUTS.items():
        made.input.add(name=tensor, data_type=f"TYPE_{kind}", dims=[size], optional=tensor != "text_input")
    for tensor, (kind, size) in OUTPUTS.items():
        made.output.add(name=tensor, data_type=f"TYPE_{kind}", dims=[size])
    return str(text_format.MessageToString(made))


def check(entry: Path) -> None:
    """Hold a model of the repository, which somebody may have tuned, to what it is asked.

    Raises:
        WeaverError: names the file, and the field at fault.
    """
    file = entry / "config.pbtxt"
    try:
        found = text_format.Parse(file.read_text(), model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise WeaverError(f"{file}: {error}", "Remove it, and deploy again.") from error
    expected = text_format.Parse(config(entry.name), model_config_pb2.ModelConfig())
    for field in ("name", "backend", "max_batch_size", "input", "output"):
        if getattr(found, field) != getattr(expected, field):
            raise WeaverError(f"{file}: {field} is not as it is asked", "Remove the file, and deploy again.")
    file = entry / "1" / "model.yaml"
    arguments = yaml.safe_load(file.read_text())
    if arguments["triton_config"] != {"max_batch_size": 0, "decoupled": True}:
        raise WeaverError(f"{file}: triton_config must be decoupled, unbatched", "Correct it.")
    if not Path(arguments["tokenizer"]).is_dir():
        raise WeaverError(f"{file}: its tokenizer is gone", "Unload the version.")


@cache
def tokenizer_of(folder: Path) -> Any:
    quiet_libraries()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def rendered(tokenizer: Any, messages: list[chat_format.Message]) -> str:
    """The conversation as text; without the token that begins it, where the engine puts one before every text."""
    text = chat_format.apply_chat_template(tokenizer, messages, add_generation_prompt=True)
    begins = tokenizer.bos_token_id is not None and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]
    return text.removeprefix(tokenizer.bos_token) if begins else text


def tensors(prompt: str, request: dict[str, Any]) -> list[InferInput]:
    """An OpenAI request as llmapi's tensors; what it does not give is left to the engine."""
    given: dict[str, Any] = {name: True for name, (kind, _, _) in INPUTS.items() if kind == "BOOL"}
    given["text_input"] = prompt
    given |= {name: request[asked] for name, (_, _, asked) in INPUTS.items() if request.get(asked) is not None}
    made = []
    for name, value in given.items():
        kind = INPUTS[name][0]
        values = [value] if isinstance(value, str) or not isinstance(value, list) else value
        array = np.array([text.encode() for text in values] if kind == "STRING" else values, dtype=NUMPY[kind])
        made.append(InferInput(name, [len(array)], "BYTES" if kind == "STRING" else kind))
        made[-1].set_data_from_numpy(array)
    return made


class Answer:
    """What was said so far, and why it ended (stop, length), if it did."""

    def __init__(self, model: str) -> None:
        self.model, self.said, self.finish = model, "", ""

    def add(self, result: InferResult) -> Chunk | None:
        """The piece that a response adds; none while a character is under way."""
        text, finish = result.as_numpy("text_output"), result.as_numpy("finish_reason")
        if text is None:  # an empty response, which says that it was the last
            return None
        whole = text[0].decode()
        if finish is not None and finish[0] != b"None":
            self.finish = finish[0].decode()
        if whole.endswith("\ufffd") and not self.finish:
            return None
        piece, self.said = whole[len(self.said) :], whole
        return self.chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": self.finish or None}])

    def usage(self, tokenizer: Any, prompt: str) -> Chunk:
        """The last chunk; tokens as the tokenizer counts them, for Triton does not tell."""
        asked, answered = (len(tokenizer(text).input_ids) for text in (prompt, self.said))
        used = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
        return self.chunk([]) | {"usage": used}

    def chunk(self, choices: list[dict[str, Any]]) -> Chunk:
        return {"object": "chat.completion.chunk", "model": self.model, "choices": choices}
