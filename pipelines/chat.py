"""The one place where a row becomes a conversation: training, evaluation and serving must not differ in a space."""

from collections.abc import Mapping
from typing import Any

Message = dict[str, str]


def asked(row: Mapping[str, Any], system_prompt: str) -> list[Message]:
    """What the model is shown before it answers: an Alpaca row's instruction, and its input on the line below."""
    question = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    return [{"role": "system", "content": system_prompt}, {"role": "user", "content": question}]


def answered(row: Mapping[str, Any]) -> list[Message]:
    return [{"role": "assistant", "content": row["output"]}]


def prompt(tokenizer: Any, row: Mapping[str, Any], system_prompt: str) -> str:
    """The text up to where the answer begins."""
    text: str = tokenizer.apply_chat_template(asked(row, system_prompt), tokenize=False, add_generation_prompt=True)
    return text


def whole(tokenizer: Any, row: Mapping[str, Any], system_prompt: str) -> str:
    """The text with its true answer."""
    text: str = tokenizer.apply_chat_template([*asked(row, system_prompt), *answered(row)], tokenize=False)
    return text
