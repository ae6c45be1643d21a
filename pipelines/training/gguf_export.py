"""Writes a merged model as a GGUF file for llama.cpp: the base's own GGUF with the merged weights.

Tokenizer and hyper-parameters are copied from the base's GGUF key by key, so that none can be converted wrongly.
Source of the layout: llama.cpp's convert_hf_to_gguf.py, which no package contains.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.clients.local_model import PACKAGED_MODEL, packaged_gguf
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Base

GGUF_FILE = "model.gguf"
REWRITTEN_KEYS = (
    "GGUF.",
    "general.file_type",
    "general.quantization_version",
    "tokenizer.chat_template",
)  # written anew
QUANTISATION_BLOCK = 32  # values that share a scale in Q8_0 and Q4_0
OUTPUT_WEIGHT = "output.weight"  # left out of the file where it is the embedding itself


def find_base_gguf(base: Base, folder: Path) -> Path:
    """Return the base's own GGUF: the packaged file, or the first one beside the base's safetensors.

    Args:
        folder: of the base model.

    Raises:
        WeaverError: there is none, or its architecture is not supported.
    """
    from gguf import GGUFReader

    file = packaged_gguf() if base.model == PACKAGED_MODEL else next(iter(sorted(folder.glob("*.gguf"))), None)
    if file is None:
        raise WeaverError(
            f"{folder} contains no .gguf file, and llama.cpp needs the base's tokenizer in GGUF form.",
            "Put a GGUF of the base model there, of any quantisation; or set deployment.backends: [vllm].",
        )
    if (architecture := read_text_field(GGUFReader(file), "general.architecture")) != "llama":
        raise WeaverError(
            f"{file} has the architecture “{architecture}”; only llama is supported.",
            "Set deployment.backends: [vllm].",
        )
    return file


def write_gguf(
    weights: Mapping[str, Any], chat_template: str, base_gguf: Path, quantisation: str, folder: Path
) -> Path:
    """Write `folder`/model.gguf.

    Args:
        weights: the merged model's state dict: name in transformers → tensor.
        base_gguf: the base's own GGUF.
        quantisation: int8 (Q8_0), int4 (Q4_0, with the embedding in Q8_0), or bf16; norms stay fp32.

    Raises:
        WeaverError: a weight does not fit the base's GGUF, or one of the GGUF's weights is missing.
    """
    from gguf import GGUFReader, GGUFValueType, GGUFWriter, get_tensor_name_map

    reader = GGUFReader(base_gguf)
    heads, kv_heads = (
        int(read_number_field(reader, f"llama.attention.{key}")) for key in ("head_count", "head_count_kv")
    )
    gguf_names = get_tensor_name_map(llama_architecture(), int(read_number_field(reader, "llama.block_count")))
    writer = GGUFWriter(folder / GGUF_FILE, "llama")
    for key, field in reader.fields.items():
        if key == "general.architecture" or key.startswith(REWRITTEN_KEYS):
            continue
        items = field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], items)
    writer.add_chat_template(chat_template)
    expected = {tensor.name: tuple(reversed(tensor.shape.tolist())) for tensor in reader.tensors}
    written = set()
    for name, tensor in weights.items():
        gguf_name = gguf_names.get_name(name, try_suffixes=(".weight",)) or name
        if gguf_name == OUTPUT_WEIGHT and OUTPUT_WEIGHT not in expected:
            continue
        values = tensor.float().cpu().numpy()
        if expected.get(gguf_name) != values.shape:
            raise WeaverError(
                f"The weight {name} has the shape {values.shape}; {base_gguf.name} has "
                f"{expected.get(gguf_name, 'none')} for {gguf_name}.",
                "Put the GGUF of this very base model beside it.",
            )
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            values = interleave_rotary_rows(values, heads if "q_proj" in name else kv_heads)
        data, kind = quantise_tensor(values, quantisation, is_embedding=gguf_name == "token_embd.weight")
        writer.add_tensor(gguf_name, data, raw_dtype=kind)
        written.add(gguf_name)
    if missing := expected.keys() - written:
        raise WeaverError(
            f"The model has no weight for {min(missing)} of {base_gguf.name}.",
            "Put the GGUF of this very base model there.",
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / GGUF_FILE


def interleave_rotary_rows(values: np.ndarray, heads: int) -> np.ndarray:
    """Reorder a query or key projection for llama.cpp's rotary embedding: row pairs adjacent, not half a head apart.

    Args:
        values: shape (heads x head size, columns); the result has the same shape.
    """
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def quantise_tensor(values: np.ndarray, quantisation: str, is_embedding: bool) -> tuple[np.ndarray, Any]:
    """Return a tensor's quantised bytes and their GGUF type.

    Args:
        is_embedding: the embedding gets eight bits, as four would cost it most.
    """
    from gguf import GGMLQuantizationType as Type
    from gguf import quantize

    if values.ndim == 1:
        return values, Type.F32
    if quantisation == "bf16" or values.shape[-1] % QUANTISATION_BLOCK:
        return quantize(values, Type.BF16), Type.BF16
    kind = Type.Q4_0 if quantisation == "int4" and not is_embedding else Type.Q8_0
    return quantize(values, kind), kind


def llama_architecture() -> Any:
    """gguf's constant for the llama architecture."""
    from gguf import MODEL_ARCH

    return MODEL_ARCH.LLAMA


def read_text_field(reader: Any, key: str) -> str:
    """A field of a GGUF file, as text."""
    return str(reader.fields[key].contents())


def read_number_field(reader: Any, key: str) -> float:
    """A field of a GGUF file, as a number."""
    return float(reader.fields[key].contents())
