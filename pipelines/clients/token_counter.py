"""Count the tokens that a row has in training, without loading the model."""

import json
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pipelines.clients.local_model import PACKAGED_MODEL, packaged_gguf
from pipelines.core.files import digest, memoize_dir, write_text
from pipelines.core.settings import quiet_libraries, settings
from pipelines.text.chat_format import render_with_answer, user_messages

Row = dict[str, Any]
FORMAT_TOKENS = 48  # that a chat format adds to a row's texts, at most
NEAR_TOKENS = 8  # a row that is so near to the limit is rendered whole: tokens may merge where its texts meet


class TokenCounter:
    """Counts the tokens of rows as fine-tuning does: system prompt, question, record and answer in the chat format.

    Args:
        model: `base.model` of a plan.
        system_prompt: of the template.
        max_tokens: tokens that a row may have.
    """

    def __init__(self, model: str, system_prompt: str, max_tokens: int) -> None:
        self.model, self.system_prompt, self.max_tokens = model, system_prompt, max_tokens

    @cached_property
    def folder(self) -> Path | None:
        """The folder of the tokenizer; None if it is not on this machine."""
        return find_tokenizer(self.model)

    def excess(self, rows: Iterable[Row]) -> list[int | None]:
        """For each row the tokens that it has, if they are more than allowed; None if it fits.

        A token has at least one byte, so short rows need no tokenizer. If that of the model is not on this machine, no
        row is counted.
        """
        rows = list(rows)
        counts: list[int | None] = [None] * len(rows)
        most = self.max_tokens - FORMAT_TOKENS - len(self.system_prompt.encode())
        long = [at for at, row in enumerate(rows) if text_bytes(row) > most]
        if not long or self.folder is None:
            return counts
        overhead = self.overhead
        tokenizer = load_tokenizer(self.folder)
        texts = [part for at in long for part in (user_messages(rows[at])[0]["content"], rows[at]["output"])]
        encoded = [len(part.ids) for part in tokenizer.encode_batch(texts, add_special_tokens=False)]
        for at, question, answer in zip(long, encoded[::2], encoded[1::2], strict=True):
            tokens = overhead + question + answer
            if abs(tokens - self.max_tokens) <= NEAR_TOKENS:
                tokens = count_rendered(self.folder, rows[at], self.system_prompt)
            if tokens > self.max_tokens:
                counts[at] = tokens
        return counts

    @cached_property
    def overhead(self) -> int:
        """The tokens of a row with empty texts: the system prompt and the chat format. Kept, to be counted once."""
        assert self.folder is not None
        file = settings().home / "base" / "tokenizers" / f"{digest([str(self.folder), self.system_prompt])[:16]}.json"
        if not file.exists():
            empty = {"instruction": "", "input": "", "output": ""}
            write_text(file, json.dumps(count_rendered(self.folder, empty, self.system_prompt)))
        return int(json.loads(file.read_text()))


def text_bytes(row: Row) -> int:
    """The bytes of a row's texts in UTF-8."""
    return sum(len(row[field].encode()) for field in ("instruction", "input", "output")) + 1


def find_tokenizer(model: str) -> Path | None:
    """The folder with the tokenizer of a base model; None if it is not on this machine."""
    folder = Path(model).expanduser()
    if model == PACKAGED_MODEL:
        prepared = settings().home / "base" / PACKAGED_MODEL
        if prepared.exists():
            return prepared
        return memoize_dir(settings().home / "base" / "tokenizers" / PACKAGED_MODEL, convert_packaged_tokenizer)
    if (folder / "tokenizer.json").is_file():
        return folder
    from huggingface_hub import try_to_load_from_cache

    cached = None if folder.is_dir() else try_to_load_from_cache(model, "tokenizer.json")
    return Path(cached).parent if isinstance(cached, str) else None


def convert_packaged_tokenizer(folder: Path) -> None:
    """Write the tokenizer of the packaged GGUF into a folder."""
    quiet_libraries()
    from transformers import AutoTokenizer

    weights = packaged_gguf()
    AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(folder)


@cache
def load_tokenizer(folder: Path) -> Any:
    """The tokenizer alone, which loads in a tenth of a second; transformers takes seconds."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@cache
def load_chat_tokenizer(folder: Path) -> Any:
    """The tokenizer with its chat template."""
    quiet_libraries()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def count_rendered(folder: Path, row: Row, system_prompt: str) -> int:
    """The tokens of a row in the chat format."""
    tokenizer = load_chat_tokenizer(folder)
    text = render_with_answer(tokenizer, row, system_prompt)
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])
