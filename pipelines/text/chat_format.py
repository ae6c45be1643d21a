"""Turn a row into a conversation; training, evaluation and serving all use this module, so that prompts are equal.

Somebody may type a control token of a chat template, such as <|im_end|>. It would end the message's turn, and what
follows could forge the next one; `neutralise_control_tokens` breaks it up, so that text stays text.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.text.own_records import lay_out_pasted

Message = dict[str, str]
Row = Mapping[str, Any]

# For base models without a chat template, such as Mistral-7B-v0.1.
PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '### ' + message['role'].capitalize() + ':\n' + message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\n' }}{% endif %}"
)

# Control tokens of ChatML, Llama, Mistral, Gemma, Phi, DeepSeek and SmolLM, whichever a base has; for Python and RE2.
CONTROL_TOKEN = (
    "<[|\uff5c][^<>|\uff5c\\s]{1,40}[|\uff5c]>|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"
    r"|<(?:repo_name|reponame|file_sep|filename|gh_stars|empty_output|issue_(?:start|comment|closed)"
    r"|jupyter_(?:start|text|code|output|script))>|</?(?:tool_calls?|tool_response|think)>"
)
PLAIN_TURNS = ["### System:", "### User:", "### Assistant:"]  # what begins a turn in PLAIN_TEMPLATE


def prompt_messages(row: Row, system_prompt: str, examples: Sequence[Row] = ()) -> list[Message]:
    """The messages before the answer: the system prompt, a user and an assistant message per example, the question."""
    turns = [message for example in examples for message in (*user_messages(example), *assistant_messages(example))]
    return [{"role": "system", "content": system_prompt}, *turns, *user_messages(row)]


def user_messages(row: Row) -> list[Message]:
    """The user message of an Alpaca row: its instruction, and its input on the next line; a record that was pasted in
    another layout is laid out as all others are."""
    return [{"role": "user", "content": lay_out_pasted("\n".join(filter(None, (row["instruction"], row["input"]))))}]


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
    """Messages as text, by the tokenizer's chat template, or by PLAIN_TEMPLATE if it has none.

    Control tokens in the messages are neutralised: only the template's own begin and end turns.
    """
    text: str = tokenizer.apply_chat_template(
        neutralise_messages(messages, tokenizer),
        chat_template=tokenizer.chat_template or PLAIN_TEMPLATE,
        add_generation_prompt=add_generation_prompt,
        tokenize=False,
    )
    return text


def neutralise_messages(messages: Iterable[Message], tokenizer: Any) -> list[Message]:
    """Messages whose contents hold no known control token, no special token of the tokenizer, and no plain turn."""
    plain = tokenizer.chat_template in (None, PLAIN_TEMPLATE)
    tokens = [*tokenizer.all_special_tokens, *(PLAIN_TURNS if plain else ())]
    return [neutralise_message(message, tokens) for message in messages]


def neutralise_message(message: Message, special_tokens: Iterable[str] = ()) -> Message:
    """The message with its content's control tokens broken up; see `neutralise_control_tokens`."""
    return message | {"content": neutralise_control_tokens(message["content"], special_tokens)}


def read_control_tokens(folder: Path) -> tuple[str, ...]:
    """The special tokens of the tokenizer in a model's folder, and what begins a turn where its template is plain.

    For whoever serves the model and has no tokenizer; empty if the folder has none either.
    """
    tokenizer, template = folder / "tokenizer.json", folder / "chat_template.jinja"
    added = json.loads(tokenizer.read_text(encoding="utf-8")).get("added_tokens") if tokenizer.exists() else []
    plain = template.exists() and template.read_text(encoding="utf-8") == PLAIN_TEMPLATE
    special = [token["content"] for token in added or () if token.get("special")]
    return (*special, *(PLAIN_TURNS if plain else ()))


def neutralise_control_tokens(text: str, special_tokens: Iterable[str] = ()) -> str:
    """The text with a space after the first character of each control token: "<|im_end|>" becomes "< |im_end|>".

    A tokenizer reads that as ordinary text, and so does a person. A text without control tokens is returned as it is.

    Args:
        special_tokens: those of the tokenizer that will read the text, beside the known ones.
    """
    special = "".join(f"|{re.escape(token)}" for token in special_tokens if len(token) > 1)
    return re.sub(CONTROL_TOKEN + special, lambda token: f"{token[0][0]} {token[0][1:]}", text)
