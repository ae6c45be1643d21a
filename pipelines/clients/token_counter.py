"""Count the tokens that a row has in training, without loading transformers or the model.

The tokenizer and the texts that the chat format puts around a row are prepared once, in a process of its own: that
takes seconds and hundreds of MB, and then a row is counted in microseconds.
"""

import json
import logging
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pipelines.clients.local_model import PACKAGED_MODEL, packaged_gguf
from pipelines.core.files import digest, memoize_dir, write_text
from pipelines.core.processes import process_pool
from pipelines.core.settings import quiet_libraries, settings
from pipelines.text.chat_format import render_with_answer, user_messages

log = logging.getLogger(__name__)

Row = dict[str, Any]
FORMAT_TOKENS = 48  # that a chat format adds to a row's texts, at most
QUESTION, ANSWER = "QUESTION-OF-THE-ROW", "ANSWER-OF-THE-ROW"  # stand for a row's texts in the chat format


class TokenCounter:
    """Counts the tokens of rows as fine-tuning does: system prompt, question, record and answer in the chat format.

    Args:
        model: `base.model` of a plan.
        system_prompt: of the template.
        max_tokens: tokens that a row may have.
    """

    def __init__(self, model: str, system_prompt: str, max_tokens: int) -> None:
        self.model, self.system_prompt, self.max_tokens = model, system_prompt, max_tokens

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
        before, between, after = json.loads((self.folder / "chat_format.json").read_text(encoding="utf-8"))
        texts = [f"{before}{user_messages(rows[at])[0]['content']}{between}{rows[at]['output']}{after}" for at in long]
        encodings = load_tokenizer(self.folder).encode_batch_fast(texts, add_special_tokens=False)
        for at, encoding in zip(long, encodings, strict=True):
            if len(encoding) > self.max_tokens:
                counts[at] = len(encoding)
        return counts

    @cached_property
    def folder(self) -> Path | None:
        """The folder with tokenizer and chat format, which is prepared once; None if there is no tokenizer."""
        origin = find_tokenizer(self.model)
        if origin is None:
            return None

        def build(folder: Path) -> None:
            log.info("preparing the tokenizer of %s to count tokens; this happens once", self.model)
            with process_pool(1) as pool:
                pool.submit(prepare_counting, origin, self.system_prompt, folder).result()

        file = origin / "tokenizer.json" if origin.is_dir() else origin
        name = digest([str(file), file.stat().st_size, file.stat().st_mtime_ns, self.system_prompt])[:16]
        return memoize_dir(settings().home / "tokenizers" / name, build)


@cache
def token_counter(model: str, system_prompt: str, max_tokens: int) -> TokenCounter:
    """The counter of a plan, one in each process."""
    return TokenCounter(model, system_prompt, max_tokens)


def text_bytes(row: Row) -> int:
    """The bytes of a row's texts in UTF-8."""
    return sum(len(row[field].encode()) for field in ("instruction", "input", "output")) + 1


def find_tokenizer(model: str) -> Path | None:
    """The folder or the GGUF file with the tokenizer of a base model; None if it is not on this machine."""
    if model == PACKAGED_MODEL:
        prepared = settings().home / "base" / PACKAGED_MODEL
        return prepared if (prepared / "tokenizer.json").is_file() else packaged_gguf()
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder if (folder / "tokenizer.json").is_file() else None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(model, "tokenizer.json")
    return Path(cached).parent if isinstance(cached, str) else None


def prepare_counting(origin: Path, system_prompt: str, folder: Path) -> None:
    """Write tokenizer.json, and the texts before, between and after question and answer (chat_format.json)."""
    quiet_libraries()
    from transformers import AutoTokenizer

    tokenizer: Any = (
        AutoTokenizer.from_pretrained(origin)
        if origin.is_dir()
        else AutoTokenizer.from_pretrained(origin.parent, gguf_file=origin.name)
    )
    text = render_with_answer(tokenizer, {"instruction": QUESTION, "input": "", "output": ANSWER}, system_prompt)
    before, _, rest = text.partition(QUESTION)
    between, _, after = rest.partition(ANSWER)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    write_text(folder / "chat_format.json", json.dumps([before, between, after]))


@cache
def load_tokenizer(folder: Path) -> Any:
    """The tokenizer alone, which loads in a tenth of a second."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
