"""The one place where a row becomes a conversation: training, evaluation and serving must not differ in a space."""

from collections.abc import Mapping, Sequence
from typing import Any

Message = dict[str, str]
Row = Mapping[str, Any]

# For base models that came without a chat template, as Mistral-7B-v0.1 did.
PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '### ' + message['role'].capitalize() + ':\n' + message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\n' }}{% endif %}"
)


def prompt_messages(row: Row, system_prompt: str, examples: Sequence[Row] = ()) -> list[Message]:
    """What the model is shown before it answers: the examples, each a turn of its own, then the question."""
    turns = [message for example in examples for message in (*user_messages(example), *assistant_messages(example))]
    return [{"role": "system", "content": system_prompt}, *turns, *user_messages(row)]


def user_messages(row: Row) -> list[Message]:
    """An Alpaca row's instruction, and its input on the line below."""
    return [{"role": "user", "content": "\n".join(part for part in (row["instruction"], row["input"]) if part)}]


def assistant_messages(row: Row) -> list[Message]:
    return [{"role": "assistant", "content": row["output"]}]


def render_prompt(tokenizer: Any, row: Row, system_prompt: str, examples: Sequence[Row] = ()) -> str:
    """The text up to where the answer begins."""
    return apply_chat_template(tokenizer, prompt_messages(row, system_prompt, examples), add_generation_prompt=True)


def render_with_answer(tokenizer: Any, row: Row, system_prompt: str, examples: Sequence[Row] = ()) -> str:
    """The text with its true answer."""
    return apply_chat_template(tokenizer, [*prompt_messages(row, system_prompt, examples), *assistant_messages(row)])


def apply_chat_template(tokenizer: Any, messages: list[Message], add_generation_prompt: bool = False) -> str:
    text: str = tokenizer.apply_chat_template(
        messages,
        chat_template=tokenizer.chat_template or PLAIN_TEMPLATE,
        add_generation_prompt=add_generation_prompt,
        tokenize=False,
    )
    return text
