# ruff: noqa: TID253
"""A deployment answers as long as it is what was signed."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from pipelines import chat, signing
from pipelines.artifacts import Deployment
from pipelines.errors import WeaverError
from pipelines.files import digest
from pipelines.serving.answer import Advisor


@pytest.fixture
def deployment(home: Path) -> Deployment:
    """A Llama of one layer that knows nothing yet, over the 256 bytes: signed, as deploy leaves it."""
    folder = home / "deployments" / "service_advisor" / "v1"
    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bytewise = Tokenizer(models.BPE(vocab=letters, merges=[]))
    bytewise.pre_tokenizer, bytewise.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<end>")
    tokenizer.chat_template = chat.PLAIN_TEMPLATE
    tokenizer.save_pretrained(folder)
    set_seed(17)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **size)).save_pretrained(folder)
    signing.sign(folder)
    return Deployment(name="service_advisor", version=1, backend="transformers", uri=str(folder), digest=digest(folder))


def test_what_was_signed_answers(deployment: Deployment) -> None:
    assert "".join(Advisor(deployment, "You know every order.", max_new_tokens=8).stream("Where is order 1?"))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "chat_template.jinja"])
def test_a_changed_byte_is_not_loaded(deployment: Deployment, name: str) -> None:
    file = Path(deployment.uri) / name
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WeaverError, match=f"changed: {name}"):
        Advisor(deployment, "You know every order.", max_new_tokens=8)


def test_what_was_never_signed_is_not_loaded(deployment: Deployment) -> None:
    signing.signature(Path(deployment.uri)).unlink()
    with pytest.raises(WeaverError, match=r"v1\.sig is missing"):
        Advisor(deployment, "You know every order.", max_new_tokens=8)
