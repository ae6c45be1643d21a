"""Turn a row into a conversation; training, evaluation and serving all use this module, so that prompts are equal."""

from collections.abc import Mapping, Sequence
from typing import Any

Message = dict[str, str]
Row = Mapping[str, Any]

# For base models without a chat template, such as Mistral-7B-v0.1.
PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '### ' + message['role'].capitalize() + ':\n' + message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\n' }}{% endif %}"
)


def prompt_messages(row: Row, system_prompt: str, examples: Sequence[Row] = ()) -> list[Message]:
    """The messages before the answer: the system prompt, a user and an assistant message per example, the question."""
    turns = [message for example in examples for message in (*user_messages(example), *assistant_messages(example))]
    return [{"role": "system", "content": system_prompt}, *turns, *user_messages(row)]


def user_messages(row: Row) -> list[Message]:
    """The user message of an Alpaca row: its instruction, and its input on the next line."""
    return [{"role": "user", "content": "\n".join(part for part in (row["instruction"], row["input"]) if part)}]


def assistant_messages(row: Row) -> list[Message]:
    """The assistant message of a row: its output."""
    return [{"role": "assistant", "content": row["output"]}]


def render_prompt(tokenizer: Any, row: Row, system_prompt: str, examples: Sequence[Row] = ()) -> str:
    """The prompt as text, up to where the answer begins."""
    return apply_chat_template(tokenizer, prompt_messages(row, system_prompt, examples), add_generation_prompt=True)


def render_with_answer(tokenizer: Any, row: Row, system_prompt: str, examples: Sequence[Row] = ()) -> str:
    """The prompt with the row's own answer, as text."""
    return apply_chat_template(tokenizer, [*prompt_messages(row, system_prompt, examples), *assistant_messages(row)])


def apply_chat_template(tokenizer: Any, messages: list[Message], add_generation_prompt: bool = False) -> str:
    """Messages as text, by the tokenizer's chat template, or by PLAIN_TEMPLATE if it has none."""
    text: str = tokenizer.apply_chat_template(
        messages,
        chat_template=tokenizer.chat_template or PLAIN_TEMPLATE,
        add_generation_prompt=add_generation_prompt,
        tokenize=False,
    )
    return text
