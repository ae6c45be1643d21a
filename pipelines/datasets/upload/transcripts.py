"""Read a conversation that is written as one text: prompts of chat models, and the transcripts of website chats."""

import re
from typing import Any

from pipelines.readers.column_names import field_of, normalise_name

USER_NAMES = (
    "user", "human", "customer", "prompter", "client", "visitor", "guest", "caller", "lead", "shopper", "buyer",
    "requester", "end_user", "question",
)  # fmt: skip
ASSISTANT_NAMES = (
    "assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "bard", "bing", "claude", "ai", "agent", "advisor",
    "service_advisor", "operator", "representative", "rep", "support", "staff", "employee", "dealer", "dealership",
    "salesperson", "technician", "admin", "answer",
)  # fmt: skip
ROLES = (
    dict.fromkeys(("system", "developer", "system_prompt"), "system")
    | dict.fromkeys(USER_NAMES, "user")
    | dict.fromkeys(ASSISTANT_NAMES, "assistant")
)
PROMPT_ROLES = {"instruction": "user", "input": "user", "response": "assistant", "output": "assistant"}
TRANSCRIPT_NAMES = {"text", "transcript", "chat_transcript", "conversation", "dialogue", "dialog", "chat", "chat_log"}
SPEAKERS = "|".join(name.replace("_", "[ _]") for name in (*USER_NAMES, *ASSISTANT_NAMES, "system"))
TIME = r"(?:[\[(]?\d[\d.:/, T-]*\d\s*(?:[AP]M)?[\])]?\s*(?:-\s*)?)?"  # `[10:00:11]` or `10:00 AM - ` before a speaker
TURN = re.compile(
    rf"(?:^|\n)[ \t]*(?:\*\*|\#\#\#\s*)?{TIME}(?P<role>{SPEAKERS})\s*(?:\([^)\n]{{1,40}}\))?(?:\*\*)?\s*:(?:\*\*)?\s*"
    r"|\#\#\#\s*(?P<prompt>Human|User|Assistant|System|Instruction|Input|Response|Output)\s*:\s*"
    r"|<\|im_start\|>(?P<chatml>\w+)\n|<\|(?P<zephyr>user|assistant|system)\|>\s*"
    r"|<\|start_header_id\|>(?P<llama3>\w+)<\|end_header_id\|>\s*|<start_of_turn>(?P<gemma>\w+)\n",
    re.IGNORECASE,
)
END = re.compile(r"\s*(?:<\|im_end\|>|</s>|<\|end(?:oftext)?\|>|<\|eot_id\|>|<end_of_turn>|<eos>)\s*$")
START = re.compile(r"\s*(?:<s>|<bos>|<\|begin_of_text\|>|Below is an instruction that describes a task.*?)?\s*", re.S)
LLAMA = re.compile(
    r"\[INST\](?:\s*<<SYS>>.*?<</SYS>>)?(?P<user>.*?)\[/INST\](?P<assistant>.*?)(?=</?s>|\[INST\]|$)", re.S
)
MAX_NAME_CHARS = 60
Turn = tuple[str, str]  # role, text


def parse_transcript(text: str) -> list[Turn]:
    """The turns of a conversation that is written as one text; empty if it is none."""
    if llama := list(LLAMA.finditer(text)):
        return [(role, match[role]) for match in llama for role in ("user", "assistant")]
    marks = list(TURN.finditer(text))
    if not marks or not START.fullmatch(text[: marks[0].start()]):
        return []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    turns: list[Turn] = []
    for mark, end in zip(marks, ends, strict=True):
        name = normalise_name(next(part for part in mark.groups() if part))
        role = PROMPT_ROLES.get(name) or ROLES.get(name, name)
        body = END.sub("", text[mark.end() : end]).strip()
        if name == "input" and turns:  # of an Alpaca prompt: the record below its instruction
            turns[-1] = (turns[-1][0], f"{turns[-1][1]}\n{body}")
        else:
            turns.append((role, body))
    return turns


def name_roles(text: str, values: dict[str, Any]) -> str:
    """A transcript with roles for the names in other columns: with an `Agent` Kim, `Kim: …` is `assistant: …`."""
    for column, name in values.items():
        role = ROLES.get(normalise_name(column).removesuffix("_name"))
        if role and isinstance(name, str) and 0 < len(name.strip()) <= MAX_NAME_CHARS:
            text = re.sub(rf"(?m)^([ \t]*{TIME}){re.escape(name.strip())}[ \t]*:", rf"\g<1>{role}:", text)
    return text


def find_transcript(values: dict[str, Any]) -> tuple[str, list[Turn]] | None:
    """The column of a row that is a transcript, and its turns; None if there is none, or the row has a question."""
    if any(field_of(column) in ("instruction", "output") for column in values):
        return None
    for column, text in values.items():
        if normalise_name(column) in TRANSCRIPT_NAMES and isinstance(text, str):
            turns = parse_transcript(name_roles(text, values))
            if len(turns) > 1:
                return column, turns
    return None
