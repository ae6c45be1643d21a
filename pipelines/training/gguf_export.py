"""A merged model becomes a GGUF file, as llama.cpp serves it: the base's own GGUF, with other weights.

Tokenizer, chat template and hyper-parameters are the base's, copied key by key, so that none can be converted wrongly.
Source of the layout: llama.cpp's convert_hf_to_gguf.py, which no package carries.
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
    """The base's own GGUF: the packaged one, or any file that lies beside the base's safetensors.

    Raises:
        WeaverError: there is none, or it is of an architecture whose weights nobody here knows how to lay out.
    """
    from gguf import GGUFReader

    found = packaged_gguf() if base.model == PACKAGED_MODEL else next(iter(sorted(folder.glob("*.gguf"))), None)
    if found is None:
        raise WeaverError(
            f"{folder} holds no .gguf file, and llama.cpp needs the base's tokenizer as GGUF has it",
            "Put the base's own GGUF there, of whatever quantisation; or choose deployment.backends: [vllm].",
        )
    if (architecture := read_text_field(GGUFReader(found), "general.architecture")) != "llama":
        raise WeaverError(
            f"{found} is of architecture {architecture!r}, not llama", "Choose deployment.backends: [vllm]."
        )
    return found


def write_gguf(weights: Mapping[str, Any], chat_template: str, like: Path, quantisation: str, folder: Path) -> Path:
    """Write `folder`/model.gguf.

    Args:
        weights: the merged model's state dict: name in transformers → tensor.
        like: the base's own GGUF.
        quantisation: int8 (Q8_0), int4 (Q4_0, with the embedding in Q8_0), or bf16; norms stay fp32.

    Raises:
        WeaverError: a weight has no place in the base's GGUF, or one of the GGUF's is missing.
    """
    from gguf import GGUFReader, GGUFValueType, GGUFWriter, get_tensor_name_map

    reader = GGUFReader(like)
    heads, kv_heads = (
        int(read_number_field(reader, f"llama.attention.{key}")) for key in ("head_count", "head_count_kv")
    )
    places = get_tensor_name_map(llama_architecture(), int(read_number_field(reader, "llama.block_count")))
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
        place = places.get_name(name, try_suffixes=(".weight",)) or name
        if place == OUTPUT_WEIGHT and OUTPUT_WEIGHT not in expected:
            continue
        values = tensor.float().cpu().numpy()
        if expected.get(place) != values.shape:
            raise WeaverError(
                f"{name} {values.shape} does not fit {like.name}, which has {place} {expected.get(place, 'nowhere')}",
                "Put the GGUF of this very base beside it.",
            )
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            values = interleave_rotary_rows(values, heads if "q_proj" in name else kv_heads)
        data, kind = quantise_tensor(values, quantisation, whole=place == "token_embd.weight")
        writer.add_tensor(place, data, raw_dtype=kind)
        written.add(place)
    if missing := expected.keys() - written:
        raise WeaverError(
            f"the model has nothing for {min(missing)} of {like.name}", "Put this very base's GGUF there."
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / GGUF_FILE


def interleave_rotary_rows(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection as llama.cpp rotates them: pairs side by side, not half a head apart."""
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def quantise_tensor(values: np.ndarray, quantisation: str, whole: bool) -> tuple[np.ndarray, Any]:
    """A tensor's bytes and their type. `whole`: the embedding, which four bits would hurt most."""
    from gguf import GGMLQuantizationType as Type
    from gguf import quantize

    if values.ndim == 1:
        return values, Type.F32
    if quantisation == "bf16" or values.shape[-1] % QUANTISATION_BLOCK:
        return quantize(values, Type.BF16), Type.BF16
    kind = Type.Q4_0 if quantisation == "int4" and not whole else Type.Q8_0
    return quantize(values, kind), kind


def llama_architecture() -> Any:
    from gguf import MODEL_ARCH

    return MODEL_ARCH.LLAMA


def read_text_field(reader: Any, key: str) -> str:
    return str(reader.fields[key].contents())


def read_number_field(reader: Any, key: str) -> float:
    return float(reader.fields[key].contents())
