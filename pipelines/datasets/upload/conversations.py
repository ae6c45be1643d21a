"""Recognise the formats of training data that other tools write, and reduce an object to the columns of a row.

Chat messages (OpenAI, ShareGPT, Gemini, exports of ChatGPT, Claude and website chats), preference pairs, SQuAD;
conversations in one text are in `transcripts`, the exports of annotation tools in `annotations`, of help desks in
`help_desks`, of messengers in `messengers`, and trees of messages in `message_trees`. An object of none of them stays
as it is.
"""

from typing import Any

from pipelines.datasets.upload.annotations import reduce_annotation
from pipelines.datasets.upload.help_desks import reduce_help_desk
from pipelines.datasets.upload.message_trees import is_tree_message, reduce_tree
from pipelines.datasets.upload.messengers import reduce_messenger
from pipelines.datasets.upload.transcripts import ROLES, Turn, find_transcript, parse_transcript
from pipelines.datasets.upload.turns import is_private, reduce_turns
from pipelines.readers.column_names import field_of, normalise_name
from pipelines.readers.source import Rejected

MESSAGE_KEYS = (
    "messages", "conversations", "conversation", "contents", "dialogue", "dialog", "turns", "chat", "chat_messages",
    "transcript", "thread", "events", "items", "comments",
)  # fmt: skip
TEXT_LIST_KEYS = ("data", *MESSAGE_KEYS)  # of UltraChat and DailyDialog: texts of user and assistant by turns
ROLE_KEYS = ("role", "from", "speaker", "sender", "author", "sender_type", "author_type", "participant", "type")
TEXT_KEYS = ("content", "value", "text", "parts", "body", "message", "msg", "utterance")
PAIR_KEYS = (("human", "assistant"), ("user", "assistant"), ("user", "bot"), ("input", "output"))


def reduce_object(value: dict[str, Any]) -> tuple[str, dict[str, Any] | Rejected]:
    """An object's format, empty if it is none of those known, and its columns."""
    value = {key: plain_value(part) for key, part in value.items()}
    if reduced := reduce_annotation(value) or reduce_help_desk(value) or reduce_messenger(value):
        return reduced
    if pair := reduce_pair(value):
        return pair
    if is_tree_message(value):
        return "", value  # `message_trees` joins it with the others
    if tree := reduce_tree(value):
        return "message trees", tree
    for key in MESSAGE_KEYS:
        if is_messages(messages := expand_pairs(value.get(key))):
            return "chat messages", reduce_messages(messages, others(value, key))
    if path := conversation_path(value):
        return "chat messages", reduce_messages(path, others(value, "mapping", "current_node"))
    if turns := history_turns(value) or listed_turns(value):
        names = ("instruction", "input", "output", "prompt", "query", "response", "history", *TEXT_LIST_KEYS)
        return "chat messages", reduce_turns(turns, others(value, *names))
    if is_messages(value.get("prompt")) and is_messages(value.get("completion")):
        prompted: list[dict[str, Any]] = value["prompt"] + value["completion"]
        return "chat messages", reduce_messages(prompted, others(value, "prompt", "completion"))
    answers = value.get("answers")
    if isinstance(answers, dict) and isinstance(answers.get("text"), list):
        texts = [text for text in answers["text"] if isinstance(text, str)]
        return "SQuAD", others(value, "answers") | {"answer": texts[0] if texts else None}
    if transcript := find_transcript(value):
        column, turns = transcript
        return "transcripts", reduce_turns(turns, others(value, column))
    return "", value


def plain_value(value: Any) -> Any:
    """The value in MongoDB's extended JSON, such as {"$oid": "65a1…"}; any other value as it is."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, part),) = value.items()
        return part if key.startswith("$") and isinstance(part, str | int | float) else value
    return value


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
    """Whether a value is a list of messages, each with who speaks, one of them a user or an assistant."""
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
        return False
    roles = [message_role(message) for message in value]
    return all(roles) and bool({"user", "assistant", "system"} & {*roles})


def message_role(message: dict[str, Any]) -> str:
    """Who speaks, as OpenAI names the roles; a role of neither side, such as tool, as it is; empty if none is named."""
    names: list[str] = []
    for key in ROLE_KEYS:
        speaker = message.get(key)
        if isinstance(speaker, dict):  # {"author": {"role": "user"}}
            speaker = next((speaker[k] for k in ("role", "type", "name") if isinstance(speaker.get(k), str)), None)
        if isinstance(speaker, str) and speaker.strip():
            names.append(speaker.strip())
    roles = [ROLES[normalise_name(name)] for name in names if normalise_name(name) in ROLES]
    return roles[0] if roles else (names or [""])[0]


def message_text(message: dict[str, Any]) -> str | None:
    """The text of a message; None if it has none, or one that is not only text."""
    content = next((message[key] for key in TEXT_KEYS if message.get(key)), None)
    if isinstance(content, dict):  # {"content": {"parts": ["…"]}}
        return message_text(content)
    if isinstance(content, list):
        parts = [
            part if isinstance(part, str) else part.get("text") for part in content if isinstance(part, str | dict)
        ]
        texts = [part for part in parts if isinstance(part, str)]
        return "\n".join(texts) if texts and len(texts) == len(parts) else None
    return content if isinstance(content, str) else None


def expand_pairs(value: Any) -> Any:
    """A list of pairs, such as {"human": "…", "assistant": "…"}, as messages; any other value as it is."""
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
        return value
    for question, answer in PAIR_KEYS:
        if all(isinstance(part.get(question), str) and isinstance(part.get(answer), str) for part in value):
            sides = ((question, "user"), (answer, "assistant"))
            return [{"role": role, "content": part[key]} for part in value for key, role in sides]
    return value


def conversation_path(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of ChatGPT's export, in which a conversation is a tree; of its branches the one shown last."""
    nodes, node, path = value.get("mapping"), value.get("current_node"), list[dict[str, Any]]()
    while isinstance(nodes, dict) and isinstance(entry := nodes.get(node), dict) and len(path) <= len(nodes):
        if isinstance(message := entry.get("message"), dict):
            path.insert(0, message)
        node = entry.get("parent")
    spoken = [message for message in path if message_role(message) != "system" and message_text(message)]
    return spoken if is_messages(spoken) else []


def history_turns(value: dict[str, Any]) -> list[Turn]:
    """The turns of an instruction with a history of question and answer pairs (LLaMA-Factory, ChatGLM); else none."""
    history = value.get("history")
    if not isinstance(history, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in history
    ):
        return []
    question = next((value[k] for k in ("instruction", "prompt", "query") if isinstance(value.get(k), str)), None)
    answer = next((value[k] for k in ("output", "response") if isinstance(value.get(k), str)), None)
    if question is None or answer is None:
        return []
    record = value.get("input")
    last_question = f"{question}\n{record}" if isinstance(record, str) and record.strip() else question
    return [turn for q, a in [*history, (last_question, answer)] for turn in (("user", q), ("assistant", a))]


def listed_turns(value: dict[str, Any]) -> list[Turn]:
    """The turns of a list of texts, of user and assistant by turns; none if the object has a question besides."""
    if any(field_of(key) in ("instruction", "output") for key in value):
        return []
    for key in TEXT_LIST_KEYS:
        texts = value.get(key)
        if isinstance(texts, list) and len(texts) > 1 and all(isinstance(text, str) for text in texts):
            return [(("user", "assistant")[at % 2], text) for at, text in enumerate(texts)]
    return []


def reduce_messages(messages: list[dict[str, Any]], rest: dict[str, Any]) -> dict[str, Any] | Rejected:
    """The columns of a conversation."""
    turns = []
    for number, message in enumerate(messages, 1):
        if is_private(message):
            continue
        role, text = message_role(message), message_text(message)
        if role not in ROLES.values():
            return Rejected(
                "a message that is neither of the user nor of the assistant", f"message {number} is of {role}"
            )
        if text is None:
            called = "; it calls a tool, and a row has only texts" if message.get("tool_calls") else ""
            return Rejected("a message without text", f"message {number}, of {role}{called}")
        turns.append((role, text))
    return reduce_turns(turns, rest)
