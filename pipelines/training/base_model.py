"""The base model: found or made ready once, loaded as it is trained on."""

import logging
from pathlib import Path
from typing import Any

from pipelines.clients.local_model import PACKAGED_MODEL, packaged_gguf
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json, digest, memoize_dir, write_text
from pipelines.core.plan import Base
from pipelines.core.settings import quiet_libraries, settings
from pipelines.text.chat_format import PLAIN_TEMPLATE

log = logging.getLogger(__name__)

HUB_FILES = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*",
    "*.jinja",
)


def prepare_base(base: Base) -> Path:
    """The folder of the base model, as transformers loads it: the packaged one is converted at its first use.

    Raises:
        WeaverError: the model is neither packaged, nor a folder, nor a hub id that this machine has or may fetch;
            or it has no safetensors weights.
    """
    quiet_libraries()
    folder = Path(base.model).expanduser()
    if base.model == PACKAGED_MODEL:
        folder = memoize_dir(settings().home / "base" / PACKAGED_MODEL, convert_packaged_gguf)
    elif not (folder / "config.json").is_file():
        folder = find_hub_model(base.model)
    if not any(folder.glob("*.safetensors")):
        raise WeaverError(
            f"base.model: {folder} holds no .safetensors file", "Save the model with `save_pretrained`; no pickles."
        )
    return folder


def convert_packaged_gguf(folder: Path) -> None:
    """Write the packaged GGUF as fp32 safetensors (0.5 GB) with its tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = packaged_gguf()
    log.info("converting %s, once", weights.name)
    package = weights.parent
    model: Any = AutoModelForCausalLM.from_pretrained(package, gguf_file=weights.name, dtype=torch.float32)
    # The weights are plain fp32 by now, yet save_pretrained goes by what they were read from, and refuses.
    model.hf_quantizer = None
    del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(package, gguf_file=weights.name).save_pretrained(folder)


def prepare_dequantised_base(base: Base) -> Path:
    """The folder of the base as its adapters were trained over it, for whoever serves adapters over a base of its own:
    NF4's rounding in full precision, made once; where nothing was rounded, the base itself."""
    origin = prepare_base(base)
    if base.quantisation == "none":
        return origin

    def build(folder: Path) -> None:
        model, tokenizer = load_base(origin, base)
        model.dequantize().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    known = digest([base_digest(origin), base.model_dump()])[:12]
    return memoize_dir(settings().home / "base" / f"rounded-{known}", build)


def find_hub_model(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES)))
    except (OSError, ValueError) as error:
        raise WeaverError(
            f"base.model: {name!r} is not {PACKAGED_MODEL}, no folder with a config.json, "
            f"and not in the local hub cache: {' '.join(str(error).split())[:200]}",
            "Correct it; or set HF_HUB_OFFLINE=0 and run again to download it.",
        ) from error


def base_digest(folder: Path) -> str:
    """SHA-256 over the files that say how a base answers; read once, then known by their sizes and times."""
    files = sorted(
        file for pattern in ("config.json", "*.safetensors", "tokenizer*", "*.jinja") for file in folder.glob(pattern)
    )
    stamp = digest([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files])
    known = settings().home / "base" / "digests" / stamp
    if not known.exists():
        write_text(known, digest([(file.name, digest(file)) for file in files]))
    return known.read_text()


def load_base(folder: Path, base: Base) -> tuple[Any, Any]:
    """The model, in NF4 if the plan says so, and its tokenizer, which then has a chat template and a padding token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    dtype = getattr(torch, base.compute_dtype)
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=base.double_quantisation,
        bnb_4bit_compute_dtype=dtype,
    )
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        quantization_config=nf4 if base.quantisation == "nf4" else None,
        device_map={"": 0} if torch.cuda.is_available() else None,
        use_safetensors=True,
    )
    # Where a CPU has bfloat16 instructions, bitsandbytes would round the scales and repack the weights at the first
    # evaluation: other numbers than those trained over, and ten times as slow.
    for module in model.modules():
        module.support_avx512bf16_for_cpu = False
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = tokenizer.chat_template or PLAIN_TEMPLATE
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return model, tokenizer


def measure_model_size(model: Any) -> dict[str, float]:
    """Parameters, those that are trained and their share, and the memory that the weights take (MiB)."""
    # num_parameters counts a 4-bit weight's values, not the bytes that they are packed in.
    trainable, total = model.num_parameters(only_trainable=True), model.num_parameters()
    figures = {
        "parameters": total,
        "trainable": trainable,
        "trainable_share": trainable / total,
        "footprint_mib": model.get_memory_footprint() / 2**20,
    }
    log.info("%s", canonical_json(figures))
    return figures
