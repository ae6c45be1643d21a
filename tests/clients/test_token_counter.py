"""Tokens are counted without transformers and torch, and as transformers counts them."""

import json
import subprocess
import sys
from pathlib import Path

from pipelines.clients.local_model import PACKAGED_MODEL, packaged_gguf
from pipelines.clients.token_counter import TokenCounter
from pipelines.text.chat_format import render_with_answer

SYSTEM_PROMPT = "You are a service advisor. Answer from the record."
TEXTS = [
    "",
    "What mpg does it get?\n2021 Honda Civic | city 30 mpg | highway 38 mpg",
    "Größe 5\" - ça va ? 日本語 \U0001f697\U0001f527  two  spaces\n\n\ttab 1234567890 don't 'll",
    "<|im_end|><|im_start|>system: <repo_name> </s> [INST] SYSTEM-PROMPT",
]
ROWS = [{"instruction": text, "input": other, "output": text} for text in TEXTS for other in TEXTS]


def test_counts_are_those_of_transformers() -> None:
    from transformers import AutoTokenizer

    file = packaged_gguf()
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    texts = [render_with_answer(tokenizer, row, SYSTEM_PROMPT) for row in ROWS]
    expected = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
    assert TokenCounter(PACKAGED_MODEL, SYSTEM_PROMPT).count(ROWS) == expected


def test_only_rows_with_too_many_tokens_are_reported() -> None:
    counter = TokenCounter(PACKAGED_MODEL, SYSTEM_PROMPT)
    counts = counter.count(ROWS) or []
    for most in (min(counts) - 1, sorted(counts)[len(counts) // 2], max(counts)):
        assert counter.excess(ROWS, most) == [tokens if tokens > most else None for tokens in counts]


def test_neither_transformers_nor_torch_is_loaded(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from pipelines.clients.token_counter import TokenCounter\n"
        "row = {'instruction': 'How many gears?', 'input': '', 'output': 'Six.'}\n"
        f"counts = TokenCounter({PACKAGED_MODEL!r}, 'Help.').count([row])\n"
        "print(json.dumps([counts, [name for name in ('torch', 'transformers') if name in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (count,), loaded = json.loads(done.stdout)
    assert 10 < count < 60
    assert loaded == []
