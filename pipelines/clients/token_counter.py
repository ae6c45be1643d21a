"""Count the tokens that a row has in training, without loading transformers, torch or the model.

The tokenizer, and the texts that the chat format puts around a row, are prepared once for each base model; then a row
is counted in microseconds.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pipelines.clients.local_model import PACKAGED_MODEL, packaged_gguf
from pipelines.core.files import digest, memoize_dir, write_text
from pipelines.core.processes import process_pool
from pipelines.core.settings import quiet_libraries, settings
from pipelines.text.chat_format import Message, neutralise_control_tokens, render_with_answer, user_messages

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
FORMAT_TOKENS = 48  # that a chat format adds to the texts of a row and the system prompt, at most
SEAM_TOKENS = 8  # that a row's texts may have more where they meet the chat format, at most
# What stands for the texts in the chat format.
SYSTEM, QUESTION, ANSWER = "SYSTEM-PROMPT-OF-THE-TEMPLATE", "QUESTION-OF-THE-ROW", "ANSWER-OF-THE-ROW"


class TokenCounter:
    """Counts the tokens of rows as fine-tuning does: system prompt, question, record and answer in the chat format.

    Args:
        model: `base.model` of a plan.
        system_prompt: of the template.
    """

    def __init__(self, model: str, system_prompt: str) -> None:
        self.model, self.system_prompt = model, system_prompt

    def count(self, rows: Sequence[Row]) -> list[int] | None:
        """The tokens of each row; None if the tokenizer of the model is not on this machine."""
        if self.folder is None:
            return None
        before, between, after = self.chat_format
        texts = [
            f"{before}{self.plain(user_messages(row)[0]['content'])}{between}{self.plain(row['output'])}{after}"
            for row in rows
        ]
        encodings = load_tokenizer(self.folder).encode_batch_fast(texts, add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def excess(self, rows: Sequence[Row], max_tokens: int) -> list[int | None]:
        """For each row the tokens that it has, if they are more than allowed; None if it fits.

        A token has at least one byte, so short rows need no tokenizer. If that of the model is not on this machine, no
        row is counted.
        """
        counts: list[int | None] = [None] * len(rows)
        sizes = [text_bytes(row) for row in rows]
        if max(sizes, default=0) + len(self.system_prompt.encode()) + FORMAT_TOKENS <= max_tokens or not self.folder:
            return counts
        long = [at for at, size in enumerate(sizes) if size + self.fixed_tokens + SEAM_TOKENS > max_tokens]
        for at, tokens in zip(long, self.count([rows[at] for at in long]) or (), strict=True):
            counts[at] = tokens if tokens > max_tokens else None
        return counts

    @cached_property
    def folder(self) -> Path | None:
        """The folder with tokenizer and chat format, which is prepared once; None if there is no tokenizer."""
        origin = find_tokenizer(self.model)
        if origin is None:
            return None

        def build(folder: Path) -> None:
            log.info("preparing the tokenizer of %s to count tokens; this happens once", self.model)
            if origin.is_dir():
                with process_pool(1) as pool:  # transformers takes hundreds of MB
                    pool.submit(prepare_from_folder, origin, folder).result()
            else:
                prepare_from_gguf(origin, folder)

        file = origin / "tokenizer.json" if origin.is_dir() else origin
        name = digest([str(file), file.stat().st_size, file.stat().st_mtime_ns])[:16]
        return memoize_dir(settings().home / "tokenizers" / name, build)

    @cached_property
    def chat_format(self) -> tuple[str, str, str]:
        """The texts before a row's question, with the system prompt; between question and answer; and after it."""
        assert self.folder is not None
        before, between, after = json.loads((self.folder / "chat_format.json").read_text(encoding="utf-8"))
        return before.replace(SYSTEM, self.plain(self.system_prompt)), between, after

    @cached_property
    def special_tokens(self) -> list[str]:
        """The control tokens of the tokenizer."""
        assert self.folder is not None
        added = load_tokenizer(self.folder).get_added_tokens_decoder()
        return [token.content for token in added.values() if token.special]

    def plain(self, text: str) -> str:
        """A text as the chat format puts it: its control tokens are neutralised."""
        return neutralise_control_tokens(text, self.special_tokens)

    @cached_property
    def fixed_tokens(self) -> int:
        """The tokens of a row without texts."""
        return max(self.count([{"instruction": "", "input": "", "output": ""}]) or [0])


@cache
def token_counter(model: str, system_prompt: str) -> TokenCounter:
    """The counter of a plan, one in each process."""
    return TokenCounter(model, system_prompt)


def text_bytes(row: Row) -> int:
    """The bytes of a row's texts in UTF-8."""
    return sum(len(row[field].encode()) for field in ("instruction", "input", "output")) + 1


def find_tokenizer(model: str) -> Path | None:
    """The folder or the GGUF file with the tokenizer of a base model; None if it is not on this machine."""
    if model == PACKAGED_MODEL:
        return packaged_gguf()
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder if (folder / "tokenizer.json").is_file() else None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(model, "tokenizer.json")
    return Path(cached).parent if isinstance(cached, str) else None


def prepare_from_folder(origin: Path, folder: Path) -> None:
    """Write tokenizer.json, and the texts around a row (chat_format.json), as transformers reads them in a folder."""
    quiet_libraries()
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(origin)
    save_counting(tokenizer, tokenizer.backend_tokenizer, folder)


def prepare_from_gguf(file: Path, folder: Path) -> None:
    """The same of a GGUF file; transformers would load torch for it, and take five times as long."""
    tokenizer = GgufTokenizer(file)
    save_counting(tokenizer, tokenizer.backend_tokenizer, folder)


def save_counting(tokenizer: Any, backend: Any, folder: Path) -> None:
    """Write what a counter needs of a tokenizer."""
    text = render_with_answer(tokenizer, {"instruction": QUESTION, "input": "", "output": ANSWER}, SYSTEM)
    before, _, rest = text.partition(QUESTION)
    between, _, after = rest.partition(ANSWER)
    backend.save(str(folder / "tokenizer.json"))
    write_text(folder / "chat_format.json", json.dumps([before, between, after]))


class GgufTokenizer:
    """The byte-level BPE tokenizer of a GGUF file, with the methods of transformers' that the chat format needs."""

    def __init__(self, file: Path) -> None:
        from gguf import GGUFReader, TokenType
        from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

        fields = GGUFReader(file).fields
        self.chat_template: str = fields["tokenizer.chat_template"].contents()
        tokens: list[str] = fields["tokenizer.ggml.tokens"].contents()
        kinds = fields["tokenizer.ggml.token_type"].contents()
        self.all_special_tokens = [
            token for token, kind in zip(tokens, kinds, strict=True) if kind == TokenType.CONTROL
        ]
        self.special = {
            f"{name}_token": tokens[fields[f"tokenizer.ggml.{name}_token_id"].contents()] for name in ("bos", "eos")
        }
        merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
        model = models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges)
        self.backend_tokenizer = Tokenizer(model)
        self.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self.backend_tokenizer.add_special_tokens(
            [AddedToken(token, special=True, normalized=False) for token in self.all_special_tokens]
        )

    def apply_chat_template(
        self, messages: list[Message], chat_template: str, add_generation_prompt: bool, tokenize: bool
    ) -> str:
        """See transformers' method of this name, whose settings of Jinja these are."""
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(chat_template)
        return template.render(messages=messages, add_generation_prompt=add_generation_prompt, **self.special)


@cache
def load_tokenizer(folder: Path) -> Any:
    """The tokenizer alone, which loads in a tenth of a second."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
