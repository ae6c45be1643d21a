"""Recognise the formats of training data that other tools write, and reduce an object to the columns of a row.

Chat messages (OpenAI, ShareGPT, Gemini), transcripts (HH-RLHF, Guanaco, ChatML), preference pairs, SQuAD; those of
annotation tools are in `annotations`. An object of none of them stays as it is.
"""

import re
from typing import Any

from pipelines.datasets.upload.annotations import reduce_annotation
from pipelines.datasets.upload.source import Rejected

ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "customer": "user", "prompter": "user", "client": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "bard": "assistant", "bing": "assistant", "claude": "assistant", "agent": "assistant", "advisor": "assistant",
}  # fmt: skip
MESSAGE_KEYS = ("messages", "conversations", "conversation", "contents", "dialogue", "dialog", "turns", "chat")
TURN = re.compile(
    r"(?:^|\n)\s*(?:###\s*)?(?P<role>Human|User|Customer|Assistant|GPT|System|Instruction|Response)\s*:\s*"
    r"|<\|im_start\|>(?P<chatml>\w+)\n|<\|(?P<zephyr>user|assistant|system)\|>\s*"
)
END = re.compile(r"\s*(?:<\|im_end\|>|</s>|<\|end(?:oftext)?\|>)\s*$")
LLAMA = re.compile(
    r"\[INST\](?:\s*<<SYS>>.*?<</SYS>>)?(?P<user>.*?)\[/INST\](?P<assistant>.*?)(?=</?s>|\[INST\]|$)", re.S
)
TRANSCRIPT_ROLES = {"instruction": "user", "response": "assistant"}
Turn = tuple[str, str]  # role, text


def reduce_object(value: dict[str, Any]) -> tuple[str, dict[str, Any] | Rejected]:
    """An object's format, empty if it is none of those known, and its columns."""
    if reduced := reduce_annotation(value):
        return reduced
    if pair := reduce_pair(value):
        return pair
    for key in MESSAGE_KEYS:
        if is_messages(value.get(key)):
            return "chat messages", reduce_messages(value[key], others(value, key))
    if is_messages(value.get("prompt")) and is_messages(value.get("completion")):
        messages: list[dict[str, Any]] = value["prompt"] + value["completion"]
        return "chat messages", reduce_messages(messages, others(value, "prompt", "completion"))
    answers = value.get("answers")
    if isinstance(answers, dict) and isinstance(answers.get("text"), list):
        texts = [text for text in answers["text"] if isinstance(text, str)]
        return "SQuAD", others(value, "answers") | {"answer": texts[0] if texts else None}
    text = value.get("text")
    if isinstance(text, str) and len(turns := parse_transcript(text)) > 1:
        return "transcripts", reduce_turns(turns, others(value, "text"))
    return "", value


def others(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The values of an object that are not those of some keys; the system prompt is the template's own."""
    return {key: part for key, part in value.items() if key not in (*keys, "system", "systemInstruction", "tools")}


def reduce_pair(value: dict[str, Any]) -> tuple[str, dict[str, Any] | Rejected] | None:
    """A pair of a preferred and a rejected answer, of which the preferred is the answer; None if it is no such pair."""
    if "chosen" in value and "rejected" in value:
        rest, chosen = others(value, "chosen", "rejected", "prompt"), value["chosen"]
        prompt: Any = value.get("prompt")
        if is_messages(chosen):
            start: list[dict[str, Any]] = []
            if not has_user(chosen):
                start = prompt if is_messages(prompt) else [{"role": "user", "content": prompt}]
            return "preference pairs", reduce_messages([*start, *chosen], rest)
        if isinstance(chosen, str) and prompt is None and len(turns := parse_transcript(chosen)) > 1:
            return "preference pairs", reduce_turns(turns, rest)
        if is_messages(prompt):
            return "preference pairs", reduce_messages([*prompt, {"role": "assistant", "content": chosen}], rest)
        prompt_column = {} if prompt is None else {"prompt": prompt}
        return "preference pairs", rest | prompt_column | {"answer": chosen}
    if isinstance(value.get("label"), bool) and {"prompt", "completion"} <= value.keys():  # KTO
        if not value["label"]:
            return "preference labels", Rejected("a rejected answer", "its label is false")
        unlabelled = others(value, "label")
        if is_messages(value["prompt"]):
            messages = [*value["prompt"], *value["completion"]]
            return "preference labels", reduce_messages(messages, others(unlabelled, "prompt", "completion"))
        return "preference labels", unlabelled
    return None


def has_user(messages: list[dict[str, Any]]) -> bool:
    """Whether a user speaks."""
    return any(message_role(message) == "user" for message in messages)


def is_messages(value: Any) -> bool:
    """Whether a value is a list of messages, each with who speaks."""
    return (
        isinstance(value, list) and bool(value) and all(isinstance(part, dict) and message_role(part) for part in value)
    )


def message_role(message: dict[str, Any]) -> str:
    """Who speaks, as OpenAI names the roles; a role of neither side, such as tool, as it is."""
    role = next(
        (message[key] for key in ("role", "from", "speaker", "author") if isinstance(message.get(key), str)), ""
    )
    return ROLES.get(role.strip().lower(), role)


def message_text(message: dict[str, Any]) -> str | None:
    """The text of a message; None if it has none, or one that is not only text."""
    content = next((message[key] for key in ("content", "value", "text", "parts") if message.get(key)), None)
    if isinstance(content, list):
        parts = [
            part if isinstance(part, str) else part.get("text") for part in content if isinstance(part, str | dict)
        ]
        texts = [part for part in parts if isinstance(part, str)]
        return "\n".join(texts) if texts and len(texts) == len(parts) else None
    return content if isinstance(content, str) else None


def reduce_messages(messages: list[dict[str, Any]], rest: dict[str, Any]) -> dict[str, Any] | Rejected:
    """The columns of a conversation."""
    turns = []
    for number, message in enumerate(messages, 1):
        role, text = message_role(message), message_text(message)
        if role not in ROLES.values():
            return Rejected(
                "a message that is neither of the user nor of the assistant", f"message {number} is of {role}"
            )
        if text is None:
            return Rejected("a message without text", f"message {number}, of {role}")
        turns.append((role, text))
    return reduce_turns(turns, rest)


def reduce_turns(turns: list[Turn], rest: dict[str, Any]) -> dict[str, Any] | Rejected:
    """The last question and its answer; what was said before is the context, as lines `User: …` and `Assistant: …`."""
    turns = [(role, text.strip()) for role, text in turns if role != "system" and text.strip()]
    while turns and turns[-1][0] != "assistant":
        turns.pop()  # a question that nobody answered
    if len(turns) < 2 or turns[-2][0] != "user":
        return Rejected("a conversation without an answer to a question", f"{len(turns)} messages can be used")
    question, before = turns[-2][1], turns[:-2]
    record = "\n".join(f"{role.capitalize()}: {text}" for role, text in before)
    if not record:  # a prompt with its record below, as the templates write them
        first, _, below = question.partition("\n")
        if below.strip() and (first.rstrip().endswith("?") or " | " in below):
            question, record = first.strip(), below.strip()
    free = {key: value for key, value in rest.items() if key not in ("question", "context", "answer")}
    return {"question": question, "context": record, "answer": turns[-1][1]} | free


def parse_transcript(text: str) -> list[Turn]:
    """The turns of a conversation that is written as one text; empty if it is none."""
    if llama := list(LLAMA.finditer(text)):
        return [(role, match[role]) for match in llama for role in ("user", "assistant")]
    marks = list(TURN.finditer(text))
    turns = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        name = next(part for part in mark.groups() if part).lower()
        body = text[mark.end() : following.start() if following else len(text)]
        turns.append((TRANSCRIPT_ROLES.get(name) or ROLES.get(name, name), END.sub("", body)))
    return turns if marks and not text[: marks[0].start()].strip() else []
