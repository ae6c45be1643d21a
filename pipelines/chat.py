"""The one place where a row becomes a conversation: training, evaluation and serving must not differ in a space."""

from collections.abc import Mapping
from typing import Any

Message = dict[str, str]

# For base models that came without a chat template, as Mistral-7B-v0.1 did.
PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '### ' + message['role'].capitalize() + ':\n' + message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\n' }}{% endif %}"
)


def asked(row: Mapping[str, Any], system_prompt: str) -> list[Message]:
    """What the model is shown before it answers: an Alpaca row's instruction, and its input on the line below."""
    question = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    return [{"role": "system", "content": system_prompt}, {"role": "user", "content": question}]


def answered(row: Mapping[str, Any]) -> list[Message]:
    return [{"role": "assistant", "content": row["output"]}]


def prompt(tokenizer: Any, row: Mapping[str, Any], system_prompt: str) -> str:
    """The text up to where the answer begins."""
    return render(tokenizer, asked(row, system_prompt), add_generation_prompt=True)


def whole(tokenizer: Any, row: Mapping[str, Any], system_prompt: str) -> str:
    """The text with its true answer."""
    return render(tokenizer, [*asked(row, system_prompt), *answered(row)])


def render(tokenizer: Any, messages: list[Message], add_generation_prompt: bool = False) -> str:
    text: str = tokenizer.apply_chat_template(
        messages,
        chat_template=tokenizer.chat_template or PLAIN_TEMPLATE,
        add_generation_prompt=add_generation_prompt,
        tokenize=False,
    )
    return text
