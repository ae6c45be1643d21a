"""The base model: resolved to a folder, prepared once, and loaded the way it is trained on."""

import logging
from pathlib import Path
from typing import Any

import psutil

from pipelines.clients.local_model import PACKAGED_MODEL, packaged_gguf
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json, digest, memoize_dir, write_text
from pipelines.core.plan import Base, TrainingPlan
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
EXPANDED_MEMORY_SHARE = 8  # of this machine's memory, an eighth may hold the dequantised base


def prepare_base(base: Base) -> Path:
    """Return the folder of the base model, as transformers loads it; the packaged model is converted at its first use.

    Args:
        base: the plan's section; `model` is the packaged model's name, a folder, or a Hugging Face hub id.

    Raises:
        WeaverError: the model is neither packaged, nor a folder, nor in the local hub cache (nor downloadable, if
            downloads are allowed); or it has no safetensors weights.
    """
    quiet_libraries()
    folder = Path(base.model).expanduser()
    if base.model == PACKAGED_MODEL:
        folder = memoize_dir(settings().home / "base" / PACKAGED_MODEL, convert_packaged_gguf)
    elif not (folder / "config.json").is_file():
        folder = find_hub_model(base.model)
    if not any(folder.glob("*.safetensors")):
        raise WeaverError(
            f"base.model: {folder} contains no .safetensors file.",
            "Save the model with `save_pretrained`; pickled weights are not loaded.",
        )
    return folder


def convert_packaged_gguf(folder: Path) -> None:
    """Write the packaged GGUF into `folder` as fp32 safetensors (0.5 GB), with its tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = packaged_gguf()
    log.info("converting %s to safetensors; this happens once", weights.name)
    package = weights.parent
    model: Any = AutoModelForCausalLM.from_pretrained(package, gguf_file=weights.name, dtype=torch.float32)
    # The weights are plain fp32 by now, but save_pretrained still sees the GGUF quantisation and refuses.
    model.hf_quantizer = None
    del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(package, gguf_file=weights.name).save_pretrained(folder)


def prepare_dequantised_base(base: Base) -> Path:
    """Return the folder of the base as its adapters were trained on it, for vLLM to load adapters on.

    With NF4 that is the base quantised and dequantised to full precision, built once; otherwise the base itself.

    Raises:
        WeaverError: the base cannot be prepared; see prepare_base.
    """
    origin = prepare_base(base)
    if base.quantisation == "none":
        return origin

    def build(folder: Path) -> None:
        model, tokenizer = load_base(origin, base)
        model.dequantize().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    fingerprint = digest([base_digest(origin), base.model_dump()])[:12]
    return memoize_dir(settings().home / "base" / f"dequantised-{fingerprint}", build)


def find_hub_model(name: str) -> Path:
    """Return the folder of a Hugging Face hub model: from the local cache, or downloaded where downloads are allowed.

    Raises:
        WeaverError: it is neither in the cache nor downloadable.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES)))
    except (OSError, ValueError) as error:
        raise WeaverError(
            f"base.model: “{name}” is neither {PACKAGED_MODEL}, nor a folder with a config.json, nor in the local hub "
            f"cache: {' '.join(str(error).split())[:200]}",
            "Correct base.model; or set HF_HUB_OFFLINE=0 and run again to download the model.",
        ) from error


def base_digest(folder: Path) -> str:
    """SHA-256 over config, weights, tokenizer and chat template of a base; cached by the files' sizes and times."""
    files = sorted(
        file for pattern in ("config.json", "*.safetensors", "tokenizer*", "*.jinja") for file in folder.glob(pattern)
    )
    stamp = digest([(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files])
    cached = settings().home / "base" / "digests" / stamp
    if not cached.exists():
        write_text(cached, digest([(file.name, digest(file)) for file in files]))
    return cached.read_text()


def load_base(folder: Path, base: Base) -> tuple[Any, Any]:
    """Load the model, in NF4 if the plan says so, and its tokenizer, with a chat template and a padding token.

    Returns:
        The transformers model and its tokenizer.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    dtype = getattr(torch, base.compute_dtype)
    configure: Any = BitsAndBytesConfig
    nf4 = configure(
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
    # On a CPU with bfloat16 instructions, bitsandbytes would round the scales and repack the weights at the first
    # evaluation: other numbers than those trained on, and ten times as slow.
    for module in model.modules():
        module.support_avx512bf16_for_cpu = False
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = tokenizer.chat_template or PLAIN_TEMPLATE
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return model, tokenizer


def expand_on_cpu(model: Any, plan: TrainingPlan) -> Any:
    """Dequantise the NF4 weights of a model on a CPU once, if they take at most an eighth of the memory in fp32.

    A CPU has no 4-bit arithmetic: bitsandbytes dequantises every weight again in each forward and each backward pass.
    Training is the same to the last bit, and an eighth faster; the weights take 4 bytes per parameter instead of half a
    byte. With train.bf16 they are rounded to bfloat16 once too (2 bytes), as mixed precision would for each product.
    """
    import torch

    if plan.base.quantisation != "nf4" or plan.base.compute_dtype != "float32" or model.device.type != "cpu":
        return model
    if 4 * model.num_parameters() > psutil.virtual_memory().total / EXPANDED_MEMORY_SHARE:
        return model
    model = model.dequantize()
    if plan.train.bf16:
        model.set_attn_implementation("eager")  # in bfloat16 the fused kernel's backward pass is slow on a CPU
        for name, module in model.named_modules():
            if type(module) is torch.nn.Linear and name != "lm_head":  # that one is the embedding too, read in float32
                module.to(torch.bfloat16)
    return model


def measure_model_size(model: Any) -> dict[str, float]:
    """Metrics of a model's size: parameters, trainable (their number), trainable_share (0 to 1) and footprint_mib
    (memory of the weights, MiB)."""
    # num_parameters counts the values of a 4-bit weight, not the bytes that they are packed in.
    trainable, total = model.num_parameters(only_trainable=True), model.num_parameters()
    metrics = {
        "parameters": total,
        "trainable": trainable,
        "trainable_share": trainable / total,
        "footprint_mib": model.get_memory_footprint() / 2**20,
    }
    log.info("%s", canonical_json(metrics))
    return metrics
