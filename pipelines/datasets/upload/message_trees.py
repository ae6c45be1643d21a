"""Read message trees, as OpenAssistant exports them: a question with its answers, each with what was replied to it.

Of several replies the best ranked one is followed, so that a tree becomes one conversation. Trees are written as nested
replies (`*.trees.jsonl`) or as one message per row with the id of the message above it (`*.messages.jsonl`, Parquet).
"""

from collections.abc import Iterator
from typing import Any

from pipelines.datasets.upload.transcripts import ROLES
from pipelines.datasets.upload.turns import ABOUT_CONVERSATIONS, is_flag, reduce_turns
from pipelines.readers.source import Rejected, Row, Source

TREE_COLUMNS = {"message_id", "parent_id", "role", "text"}
READY = "ready_for_export"  # the state of a tree that people have reviewed and ranked completely
ABOUT_TREES = "of several replies the best ranked one is used; deleted and refused messages are not"
UNRANKED = float("inf")
Message = dict[str, Any]


def is_tree_message(value: Message) -> bool:
    """Whether an object is one message of a tree."""
    return value.keys() >= TREE_COLUMNS


def reduce_tree(tree: Message) -> Message | Rejected | None:
    """The columns of a tree of nested replies; None if an object is none."""
    prompt = tree.get("prompt")
    if not isinstance(prompt, dict) or not {"text", "role", "replies"} <= prompt.keys():
        return None
    return reduce_path(prompt, tree.get("message_tree_id"), tree.get("tree_state"))


def reduce_path(prompt: Message, tree_id: Any, state: Any) -> Message | Rejected:
    """The columns of the best path from a tree's first message downwards."""
    if state not in (None, "", READY):
        return Rejected("a message tree that is not ready for export", f"its tree_state is {state}")
    if not is_usable(prompt):
        return Rejected("a message tree without its first message", "it is deleted, refused or empty")
    path = [prompt]
    while reply := best_reply(path[-1]):
        path.append(reply)
    rest = {"conversation_id": tree_id, "lang": prompt.get("lang")}
    return reduce_turns(
        [(message_side(message), message["text"]) for message in path],
        {key: value for key, value in rest.items() if value},
    )


def best_reply(message: Message) -> Message | None:
    """The best ranked reply to a message; one that somebody answered before a question that nobody did."""
    replies = usable_replies(message)
    return min(replies, key=lambda reply: (not answers_follow(reply), reply_rank(reply)), default=None)


def answers_follow(reply: Message) -> bool:
    """Whether a conversation that goes on with this reply ends with an answer."""
    return message_side(reply) == "assistant" or bool(usable_replies(reply))


def usable_replies(message: Message) -> list[Message]:
    """The replies of the other side that are neither deleted nor refused."""
    replies = message.get("replies")
    replies = replies if isinstance(replies, list) else []
    side = message_side(message)
    return [r for r in replies if isinstance(r, dict) and is_usable(r) and message_side(r) != side]


def message_side(message: Message) -> str:
    """user or assistant; empty if it is of neither."""
    side = ROLES.get(str(message.get("role")), "")
    return side if side != "system" else ""


def is_usable(message: Message) -> bool:
    """Whether a message has a text and a side, and is neither deleted nor refused by its reviewers."""
    text = message.get("text")
    faulty = is_flag(message.get("deleted"), True) or is_flag(message.get("review_result"), False)
    return isinstance(text, str) and bool(text.strip()) and bool(message_side(message)) and not faulty


def reply_rank(reply: Message) -> float:
    """The rank that people gave a reply, 0 for the best; a reply without a rank comes last."""
    try:
        rank = float(reply.get("rank"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return UNRANKED
    return rank if rank >= 0 else UNRANKED  # a blank cell is NaN


def join_tree_messages(source: Source) -> Source:
    """A source in which each tree of a table of messages is one row."""
    return source._replace(
        format=f"{source.format}, message trees",
        columns=["question", "context", "answer", "conversation_id", "lang"],
        rows=lambda: read_trees(source),
        notes=[*source.notes, ABOUT_CONVERSATIONS, ABOUT_TREES],
        is_table=False,
    )


def read_trees(source: Source) -> Iterator[Row]:
    """Each tree with the number of its first message, in the order of these."""
    messages: dict[str, tuple[int, Message]] = {}
    for number, values in source.rows():
        if isinstance(values, Rejected):
            yield number, values
        elif not str(values.get("message_id") or "").strip():
            yield number, Rejected("a message without an id", "column 'message_id' is empty", values)
        elif (id_ := str(values["message_id"])) in messages:
            first = messages[id_][0]
            yield number, Rejected("a repeated message", f"message_id {id_} is that of {source.unit} {first}", values)
        else:
            messages[id_] = (number, values | {"replies": []})
    for number, message in messages.values():
        parent = str(message.get("parent_id") or "").strip()
        if parent in messages:
            messages[parent][1]["replies"].append(message)
        elif not parent or parent.lower() == "nan":
            continue
        else:
            detail = f"it replies to message {parent}, which the file does not have; export the trees completely"
            yield number, Rejected("a reply to a message that is missing", detail, message | {"replies": []})
    for number, message in messages.values():
        if not str(message.get("parent_id") or "").strip().replace("nan", ""):
            yield number, reduce_path(message, message.get("message_tree_id"), message.get("tree_state"))
