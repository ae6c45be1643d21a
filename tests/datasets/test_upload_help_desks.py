"""Message trees and tickets: the best answer is taught, and private notes never are."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.readers.source import Rejected

from .upload_files import faults, lines, read, rows, write

Q, A, X = "What does P0301 mean?", "Cylinder 1 misfires.", "He never pays, be careful."


# ---- message trees


def node(id_: str, role: str, text: str, *replies: dict[str, Any], **more: Any) -> dict[str, Any]:
    fields = {
        "parent_id": None,
        "lang": "en",
        "review_result": True,
        "deleted": False,
        "rank": None,
        "synthetic": False,
    }
    return {"message_id": id_, "role": role, "text": text, "replies": [*replies]} | fields | more


def tree(prompt: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"message_tree_id": prompt["message_id"], "tree_state": "ready_for_export", "prompt": prompt} | more


BRANCHES = tree(
    node("1", "prompter", "Hello?",
         node("2", "assistant", "The second best.", rank=1),
         node("3", "assistant", "The best.", node("4", "prompter", "Nobody answers this.", rank=0),
              node("5", "prompter", Q, node("6", "assistant", "Deleted.", rank=0, deleted=True),
                   node("7", "assistant", "Refused.", rank=0, review_result=False),
                   node("8", "assistant", "Without a rank."), node("9", "assistant", A, rank=2), rank=1), rank=0))
)  # fmt: skip


def flatten(message: dict[str, Any], tree_id: str, parent: str | None = None) -> list[dict[str, Any]]:
    own = {key: value for key, value in message.items() if key != "replies"}
    own |= {"parent_id": parent, "message_tree_id": tree_id, "tree_state": "ready_for_export"}
    return [own, *(m for reply in message["replies"] for m in flatten(reply, tree_id, message["message_id"]))]


def test_of_a_tree_the_best_ranked_path_is_a_row(tmp_path: Path) -> None:
    source = read(write(tmp_path / "ready.trees.jsonl", lines(BRANCHES)))
    ((number, row),) = source.rows()
    assert (number, source.format) == (1, "JSON Lines, message trees")
    assert row == {
        "question": Q, "context": "User: Hello?\nAssistant: The best.", "answer": A,
        "conversation_id": "1", "lang": "en",
    }  # fmt: skip


def test_messages_of_trees_are_joined(tmp_path: Path) -> None:
    messages = flatten(BRANCHES["prompt"], "1")
    source = read(write(tmp_path / "ready.messages.jsonl", lines(*reversed(messages))))
    assert (rows(source), faults(source)) == ([(Q, A)], [])
    table = ["message_id,parent_id,role,text,deleted,rank,review_result"]
    table += [f"{m['message_id']},{m['parent_id'] or ''},{m['role']},{m['text']},{m['deleted']},"
              f"{'' if m['rank'] is None else float(m['rank'])},{m['review_result']}" for m in messages]  # fmt: skip
    assert rows(read(write(tmp_path / "messages.csv", "\n".join(table) + "\n"))) == [(Q, A)]


def test_what_is_wrong_with_a_tree_is_named(tmp_path: Path) -> None:
    growing = tree(node("1", "prompter", Q, node("2", "assistant", A, rank=0)), tree_state="growing")
    deleted = tree(node("1", "prompter", Q, node("2", "assistant", A, rank=0), deleted=True))
    source = read(
        write(tmp_path / "all.trees.jsonl", lines(growing, deleted, tree(node("1", "prompter", Q)), BRANCHES))
    )
    assert rows(source) == [(Q, A)]
    assert faults(source) == [
        (1, "a message tree that is not ready for export"), (2, "a message tree without its first message"),
        (3, "a conversation without an answer to a question"),
    ]  # fmt: skip


def test_a_missing_message_of_a_tree_is_named(tmp_path: Path) -> None:
    first, *others = flatten(BRANCHES["prompt"], "1")
    path = write(tmp_path / "m.jsonl", lines(*(m for m in others if m["message_id"] != "5"), first, first))
    source = read(path)
    details = {row.detail for _, row in source.rows() if isinstance(row, Rejected)}
    assert "it replies to message 5, which the file does not have; export the trees completely" in details
    assert "message_id 1 is that of line 8" in details
    assert rows(source) == [("Hello?", "The best.")]


# ---- help desks


def part(kind: str, author: str, body: str | None, **more: Any) -> dict[str, Any]:
    return {"type": "conversation_part", "part_type": kind, "author": {"type": author, "id": "9"}, "body": body} | more


def intercom(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    first = {"type": "conversation", "author": {"type": "user", "id": "7", "name": "Ana"}, "body": f"<p>{Q}</p>"}
    return {"type": "conversation", "id": "42", "source": first, "tags": {"tags": [{"name": "codes"}]},
            "conversation_parts": {"conversation_parts": [*parts], "total_count": len(parts)}} | more  # fmt: skip


def test_an_intercom_conversation(tmp_path: Path) -> None:
    conversation = intercom(
        part("comment", "bot", "<p>Which car?</p>"), part("open", "lead", "<p>A&nbsp;Civic.<br>2019.</p>"),
        part("assignment", "admin", "<p>For Kim</p>"), part("note", "admin", f"<p>{X}</p>"),
        part("comment", "admin", "<p>Removed</p>", redacted=True), part("close", "admin", None),
        part("comment", "admin", f"<p>{A}</p><ul><li>Swap coils</li><li>Swap plugs</li></ul>"),
        part("note_and_reopen", "admin", X),
    )  # fmt: skip
    listed = {"type": "conversation.list", "conversations": [conversation], "pages": {"page": 1}, "total_count": 1}
    source = read(write(tmp_path / "export.json", json.dumps(listed)))
    ((_, row),) = source.rows()
    assert row == {
        "question": "A Civic.\n2019.", "context": f"User: {Q}\nAssistant: Which car?",
        "answer": f"{A}\nSwap coils\nSwap plugs", "id": "42", "tags": "codes",
    }  # fmt: skip
    assert source.format == "JSON, Intercom conversations" and "private notes are not used" in source.notes


def test_intercom_conversations_without_an_answer_are_named(tmp_path: Path) -> None:
    without = {key: value for key, value in intercom().items() if key != "conversation_parts"}
    strange = intercom(part("comment", "robot", A))
    good = intercom(part("comment", "admin", A))
    source = read(write(tmp_path / "e.jsonl", lines(without, strange, intercom(part("note", "admin", X)), good)))
    found = [(number, row) for number, row in source.rows() if isinstance(row, Rejected)]
    assert [number for number, _ in found] == [1, 2, 3]
    assert "export each conversation with its parts" in found[0][1].detail
    assert found[1][1].detail == "message 2 is of robot"
    assert rows(source) == [(Q, A)]


def comment(author: int, body: str, public: bool = True, **more: Any) -> dict[str, Any]:
    return {"id": author, "type": "Comment", "author_id": author, "body": body, "public": public} | more


def ticket(*comments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 5, "subject": "Light", "requester_id": 1, "assignee_id": 2, "submitter_id": 1, "tags": ["codes"],
            "description": Q, "url": "https://x.zendesk.com/5.json", "comments": [*comments]} | more  # fmt: skip


def test_a_zendesk_ticket_without_its_private_notes(tmp_path: Path) -> None:
    said = (
        comment(3, X, public=False), comment(1, Q),
        comment(8, "It is our car.", html_body="<p>It is <b>our</b> car.</p>"),
        comment(2, f"{A}\n\nOn Mon, 2 Mar 2026 at 10:00, Ana wrote:\n> {Q}"), comment(2, X, public=False),
    )  # fmt: skip
    one = ticket(*said, email_cc_ids=[8, 2])
    export = {key: value for key, value in one.items() if key != "requester_id"} | {
        "requester": {"id": 1, "name": "Ana"}
    }
    api = {"tickets": [one], "users": [{"id": 1, "url": "x", "name": "Ana", "role": "end-user"}], "count": 1}
    for content in (lines(one), lines(export), json.dumps(api, indent=1)):
        source = read(write(tmp_path / "tickets.json", content))
        ((_, row),) = source.rows()
        assert row == {"question": f"{Q}\nIt is our car.", "context": "", "answer": A, "id": "5", "tags": "codes"}
        assert source.format.endswith("Zendesk tickets")


def test_a_ticket_that_only_has_notes_is_refused(tmp_path: Path) -> None:
    good = ticket(comment(1, Q), comment(2, A))
    source = read(write(tmp_path / "t.jsonl", lines(ticket(comment(1, Q), comment(2, X, public=False)), good)))
    assert (rows(source), faults(source)) == ([(Q, A)], [(1, "a conversation without an answer to a question")])
    orphan = read(write(tmp_path / "o.jsonl", lines(ticket(comment(1, Q), requester_id=None), good)))
    assert faults(orphan) == [(1, "a ticket without a requester")]


@pytest.mark.parametrize(
    "mark", [{"public": False}, {"private": True}, {"is_internal": "yes"}, {"type": "note"}, {"visibility": "Internal"}]
)
def test_private_notes_of_other_tools_are_never_taught(mark: dict[str, Any], tmp_path: Path) -> None:
    said = [{"role": "user", "body": Q}, {"role": "agent", "body": A}, {"role": "agent", "body": X} | mark]
    assert rows(read(write(tmp_path / "t.jsonl", lines({"messages": said})))) == [(Q, A)]
    ((key, value),) = mark.items()
    table = f'ticket_id,sender,message,{key}\n1,customer,{Q},\n1,agent,{A},\n1,agent,"{X}",{value}\n'
    assert rows(read(write(tmp_path / "t.csv", table))) == [(Q, A)]
