"""JSON in the shapes that tools write: documents, chat formats, pairs, annotations, Hugging Face datasets."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload

from .upload_files import add, objects, rejected_rows, write

pytestmark = pytest.mark.usefixtures("home")

Q, A, X = "What does P0301 mean?", "Cylinder 1 misfires.", "Buy a new car."
ROW = {"question": Q, "answer": A, "topic": "code_meaning"}
SAID = [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]
DENIED = [SAID[0], {"role": "assistant", "content": X}]
SHARED = [{"from": "system", "value": "Be brief."}, {"from": "human", "value": Q}, {"from": "gpt", "value": A}]
LABEL_STUDIO = {
    "id": 7,
    "data": {"question": Q},
    "annotations": [
        {"was_cancelled": True, "result": [{"from_name": "answer", "value": {"text": [X]}}]},
        {"result": [{"from_name": "answer", "type": "textarea", "value": {"text": [A]}},
                    {"from_name": "topic", "type": "choices", "value": {"choices": ["code_meaning"]}}]},
    ],
}  # fmt: skip
ARGILLA_2 = {
    "fields": {"question": Q}, "metadata": {"topic": "code_meaning"}, "suggestions": {"answer": {"value": X}},
    "responses": {"answer": [{"value": X, "status": "discarded"}, {"value": A, "status": "submitted"}]},
}  # fmt: skip
ARGILLA_1 = {
    "fields": {"question": Q, "topic": "code_meaning"},
    "responses": [{"values": {"answer": {"value": X}}, "status": "draft"},
                  {"values": {"answer": {"value": A}}, "status": "submitted"}],
}  # fmt: skip
T = {"topic": "code_meaning"}
SHAPES: dict[str, Any] = {
    "an array": [ROW],
    "an object that holds an array": {"version": "1.0", "data": [ROW]},
    "pandas, by columns": {key: {"0": value} for key, value in ROW.items()},
    "pandas, split": {"columns": [*ROW], "index": [0], "data": [[*ROW.values()]]},
    "OpenAI messages": T | {"messages": [{"role": "system", "content": "Be brief."}, *SAID]},
    "OpenAI messages of parts": T | {"messages": [{"role": "user", "content": [{"type": "text", "text": Q}]}, SAID[1]]},
    "messages with a question that nobody answered": T | {"messages": [*SAID, {"role": "user", "content": "And now?"}]},
    "ShareGPT": T | {"conversations": SHARED},
    "Gemini": T | {"contents": [{"role": "user", "parts": [{"text": Q}]}, {"role": "model", "parts": [{"text": A}]}]},
    "TRL prompt and completion": T | {"prompt": SAID[:1], "completion": SAID[1:]},
    "prompt and completion": T | {"prompt": Q, "completion": A},
    "Dolly": {"instruction": Q, "context": "", "response": A, "category": "code_meaning"},
    "preference pair": T | {"prompt": Q, "chosen": A, "rejected": X},
    "preference pair of messages": T | {"prompt": Q, "chosen": SAID, "rejected": DENIED},
    "preference pair of answers": T | {"prompt": SAID[:1], "chosen": SAID[1:], "rejected": DENIED[1:]},
    "HH-RLHF": T | {"chosen": f"\n\nHuman: {Q}\n\nAssistant: {A}", "rejected": f"\n\nHuman: {Q}\n\nAssistant: {X}"},
    "KTO": T | {"prompt": Q, "completion": A, "label": True},
    "Guanaco": T | {"text": f"### Human: {Q}### Assistant: {A}".replace("###", "\n###").strip()},
    "ChatML": T | {"text": f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n{A}<|im_end|>\n"},
    "Llama": T | {"text": f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{Q} [/INST] {A} </s>"},
    "SQuAD": T | {"question": Q, "context": "", "answers": {"text": [A, X], "answer_start": [0, 0]}},
    "SQuAD, by articles": {"data": [{"title": "P", "paragraphs": [
        {"context": "", "qas": [{"question": Q, "answers": [{"text": A, "answer_start": 0}]}]}]}]},
    "an object within an object": {"status": "ok", "response": {"result": {"items": [ROW]}}},
    "Hugging Face's dataset viewer": {"features": [{"name": "question"}], "rows": [{"row_idx": 0, "row": ROW}]},
    "an object of ids": {"a1": ROW, "a2": ROW | {"answer": None}},
    "an object of lists": {key: [value] for key, value in ROW.items()},
    "MongoDB": ROW | {"_id": {"$oid": "65a100000000000000000000"}},
    "ChatGPT's export": [T | {"title": "Codes", "current_node": "c", "mapping": {
        "a": {"parent": None, "message": None},
        "b": {"parent": "a", "message": {"author": {"role": "user"}, "content": {"parts": [Q]}}},
        "c": {"parent": "b", "message": {"author": {"role": "assistant"}, "content": {"parts": [A]}}},
        "d": {"parent": "b", "message": {"author": {"role": "assistant"}, "content": {"parts": [X]}}}}}],
    "Claude's export": [T | {"name": "Codes", "chat_messages": [
        {"sender": "human", "text": Q}, {"sender": "assistant", "text": A}]}],
    "a website chat": {"site": "dealer.example", "exported_at": "2024-02-01", "conversations": [
        T | {"id": "c1", "visitor": {"name": "Guest 12"}, "messages": [
            {"author": "system", "body": "Chat started"}, {"author": "bot", "body": "Hello! How can we help?"},
            {"author": "visitor", "body": Q},
            {"author": {"type": "agent", "name": "Service"}, "body": A}, {"author": "visitor", "body": "ok"}]}]},
    "Firefly": T | {"conversation": [{"human": Q, "assistant": A}]},
    "XTuner": T | {"conversation": [{"system": "Be brief.", "input": Q, "output": A}]},
    "UltraChat": T | {"id": "0", "data": [Q, A]},
    "LLaMA-Factory": T | {"instruction": Q, "input": "", "output": A, "system": "", "history": []},
    "Guanaco on one line": T | {"text": f"### Human: {Q}### Assistant: {A}"},
    "Alpaca in one text": T | {"text": "Below is an instruction that describes a task. Write a response.\n\n"
                               f"### Instruction:\n{Q}\n\n### Response:\n{A}"},
    "Gemma": T | {"text": f"<bos><start_of_turn>user\n{Q}<end_of_turn>\n<start_of_turn>model\n{A}<end_of_turn>"},
    "Llama 3": T | {"text": f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{Q}<|eot_id|>"
                    f"<|start_header_id|>assistant<|end_header_id|>\n\n{A}<|eot_id|>"},
    "a transcript with times": T | {"transcript": f"[10:00 AM] Customer: {Q}\n[10:02 AM] Agent (Service): {A}"},
    "Label Studio": [LABEL_STUDIO],
    "Label Studio, short": [ROW | {"topic": {"choices": ["code_meaning"]}, "annotator": 1, "annotation_id": 2}],
    "Argilla 2": [ARGILLA_2],
    "Argilla 1": [ARGILLA_1],
    "Argilla 1 in a dataset": T | {"question": Q, "answer": [{"user_id": "u", "value": A, "status": "submitted"}]},
}  # fmt: skip


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_shape_gives_its_row(shape: Any, indent: int | None, tmp_path: Path) -> None:
    topic = "" if "code_meaning" in json.dumps(shape) else "code_meaning"
    (row,) = read_upload(add(write(tmp_path / "t.json", json.dumps(shape, indent=indent)), topic=topic))
    assert (row["instruction"], row["input"], row["output"], row["topic"]) == (Q, "", A, "code_meaning")


def test_objects_that_follow_one_another_over_several_lines(tmp_path: Path) -> None:
    upload = add(
        write(tmp_path / "t.jsonl", json.dumps(ROW, indent=1) + "\n" + json.dumps(ROW | {"topic": "x"}, indent=1))
    )
    assert upload.rows == 1
    assert upload.examples[0].startswith("t.jsonl, line 6: unknown topic: 'x'")


def test_an_array_on_one_line_counts_its_objects(tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.json", json.dumps([ROW, 5, ROW | {"topic": "x"}])))
    assert [example.partition(": ")[0] for example in upload.examples] == ["t.json, object 2", "t.json, object 3"]


@pytest.mark.parametrize("suffix", ["json", "ndjson", "txt"])
def test_lines_of_objects_in_files_of_other_suffixes(suffix: str, tmp_path: Path) -> None:
    assert add(write(tmp_path / f"t.{suffix}", json.dumps(ROW) + "\n" + json.dumps(ROW) + "\n")).rows == 2


def test_a_document_that_ends_early_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match=r"t\.json, line \d+ is not JSON"):
        add(write(tmp_path / "t.json", json.dumps([ROW, ROW], indent=1)[:-20]))


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        ([{"role": "user", "content": Q}], "a conversation without an answer to a question"),
        ([*SAID[:1], {"role": "tool", "content": "{}"}, SAID[1]], "a message that is neither of the user nor of the"),
        ([*SAID[:1], {"role": "assistant", "content": None, "tool_calls": []}], "a message without text"),
    ],
)
def test_a_conversation_that_cannot_be_a_row_is_refused(conversation: Any, reason: str, tmp_path: Path) -> None:
    rows = [{"messages": conversation, "topic": "engine"}, {"messages": SAID, "topic": "engine"}]
    upload = add(write(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert upload.rows == 1
    assert rejected_rows(upload)[0]["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (LABEL_STUDIO | {"annotations": []}, "not annotated"),
        (ARGILLA_2 | {"responses": {}}, "not annotated"),
        (T | {"prompt": Q, "completion": X, "label": False}, "a rejected answer"),
    ],
)
def test_what_nobody_confirmed_is_refused(row: Any, reason: str, tmp_path: Path) -> None:
    good = ROW if "prompt" not in row else T | {"prompt": Q, "completion": A, "label": True}
    upload = add(write(tmp_path / "t.jsonl", objects([[*good.values()]], [*good]) + json.dumps(row)))
    assert (upload.rows, upload.rejected) == (1, {reason: 1})


def test_a_hugging_face_dataset(tmp_path: Path) -> None:
    """Its numbers of classes are names, its messages are conversations, and the index of pandas is no column."""
    features = {"info": {"features": {"topic": {"names": ["engine", "code_meaning"], "_type": "ClassLabel"}}}}
    table = pa.table({"messages": [SAID], "topic": [1], "__index_level_0__": [0]})
    write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "t.parquet")
    upload = add(tmp_path / "t.parquet")
    (row,) = read_upload(upload)
    assert (row["instruction"], row["output"], row["topic"]) == (Q, A, "code_meaning")
    assert upload.format == "Parquet, Hugging Face dataset, chat messages"


def test_an_argilla_dataset_of_columns(tmp_path: Path) -> None:
    columns = {"question": [Q], "topic": ["code_meaning"], "answer.responses": [[X, A]],
               "answer.responses.status": [["draft", "submitted"]]}  # fmt: skip
    write_table(pa.table(columns), tmp_path / "t.parquet")
    assert [row["output"] for row in read_upload(add(tmp_path / "t.parquet"))] == [A]


def test_a_text_that_is_no_transcript_is_no_conversation(tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match="no column for instruction"):
        add(write(tmp_path / "t.jsonl", json.dumps({"text": "Pads at 3 mm.", "label": "brakes"})), topic="engine")


def test_what_was_said_before_is_the_context(tmp_path: Path) -> None:
    row = {"instruction": "And P0302?", "input": "", "output": "Cylinder 2 misfires.", "history": [[Q, A]]}
    (upload,) = read_upload(add(write(tmp_path / "t.jsonl", json.dumps(row | T))))
    assert (upload["instruction"], upload["input"]) == ("And P0302?", f"User: {Q}\nAssistant: {A}")


def test_a_row_with_a_list_of_its_own_stays_a_row(tmp_path: Path) -> None:
    row = ROW | {"sources": [{"question": "another", "answer": "thing"}]}
    assert [r["instruction"] for r in read_upload(add(write(tmp_path / "t.json", json.dumps(row))))] == [Q]


def test_half_a_character_is_named(tmp_path: Path) -> None:
    lines = json.dumps(ROW | {"question": "Where is the hood latch \ud83d"}) + "\n" + json.dumps(ROW)
    upload = add(write(tmp_path / "t.jsonl", lines))
    assert upload.rows == 1
    assert "line 1: not text: half a character, '\\ud83d', after" in upload.examples[0]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_table_with_one_message_in_each_row(newest_first: bool, tmp_path: Path) -> None:
    rows = [
        ["7", "2024-01-02 10:00", "visitor", "Hello"],
        ["7", "2024-01-02 10:01", "visitor", Q],
        ["7", "2024-01-02 10:02", "Agent", A],
        ["8", "2024-01-02 10:03", "visitor", "Is anybody there?"],
    ]
    lines = [",".join(row) for row in (reversed(rows) if newest_first else rows)]
    text = "Chat ID,Sent at,Sender,Message\n" + "\n".join(lines) + "\n"
    upload = add(write(tmp_path / "chats.csv", text), topic="code_meaning")
    (row,) = read_upload(upload)
    assert (row["instruction"], row["output"]) == (f"Hello\n{Q}", A)
    assert upload.rejected == {"a conversation without an answer to a question": 1}
    assert upload.format == "CSV, separated by comma, one message in each row"


def test_transcripts_in_a_column(tmp_path: Path) -> None:
    text = f'id,Transcript\n1,"Customer: {Q}\nAdvisor: {A}"\n'
    upload = add(write(tmp_path / "chats.csv", text), topic="code_meaning")
    assert [(row["instruction"], row["output"], row["id"]) for row in read_upload(upload)] == [(Q, A, "1")]


@pytest.mark.parametrize("write_cell", [json.dumps, repr])
def test_messages_in_a_cell(write_cell: Any, tmp_path: Path) -> None:
    cell = write_cell(SAID).replace('"', '""')
    upload = add(write(tmp_path / "chats.csv", f'id,messages\n1,"{cell}"\n'), topic="code_meaning")
    assert [(row["instruction"], row["output"], row["id"]) for row in read_upload(upload)] == [(Q, A, "1")]


def test_a_transcript_with_the_names_of_people(tmp_path: Path) -> None:
    text = f'Chat ID,Visitor,Agent name,Transcript\n1,V 12,Kim,"(10:00:01) V 12: {Q}\n(10:00:30) Kim: {A}"\n'
    (row,) = read_upload(add(write(tmp_path / "chats.csv", text), topic="code_meaning"))
    assert (row["instruction"], row["output"]) == (Q, A)


def test_comments_of_a_ticket(tmp_path: Path) -> None:
    comments = [{"author": {"role": "end-user"}, "body": Q}, {"author": {"role": "agent"}, "body": A}]
    tickets = {"tickets": [{"id": 1, "subject": "Codes", "comments": comments}], "count": 1}
    upload = add(write(tmp_path / "t.json", json.dumps(tickets)), topic="code_meaning", columns={"subject": ""})
    assert [(row["instruction"], row["output"]) for row in read_upload(upload)] == [(Q, A)]


def test_a_text_of_questions_and_answers(tmp_path: Path) -> None:
    text = f"Frequently asked\n\nQ: {Q}\nA: {A}\nSee a technician.\n\nQ1. Why?\nA1. Worn plugs.\n\nQ: And now?\n"
    upload = add(write(tmp_path / "faq.txt", text), topic="code_meaning")
    assert [(row["source"], row["instruction"], row["output"]) for row in read_upload(upload)] == [
        ("faq.txt:3", Q, f"{A}\nSee a technician."), ("faq.txt:7", "Why?", "Worn plugs."),
    ]  # fmt: skip
    assert upload.examples == ["faq.txt, line 10: no answer: after the question 'And now?'"]
