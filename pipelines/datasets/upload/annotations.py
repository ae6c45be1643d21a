"""Reduce the exports of annotation tools (Label Studio, Argilla) to columns: what was shown, and what people said."""

from typing import Any

from pipelines.readers.source import Rejected

STATUSES = ("submitted", "completed")  # of an Argilla response; a draft or a discarded record is no answer


def reduce_annotation(value: dict[str, Any]) -> tuple[str, dict[str, Any] | Rejected] | None:
    """A format and the columns of an annotated object; None if it is of no such tool."""
    if isinstance(value.get("data"), dict) and ("annotations" in value or "completions" in value):
        return "Label Studio", reduce_label_studio(value)
    if isinstance(value.get("fields"), dict) and ("responses" in value or "suggestions" in value):
        return "Argilla", reduce_argilla(value)
    if any(key.endswith(".responses") for key in value):
        return "Argilla", reduce_argilla_columns(value)
    if "annotation_id" in value and "annotator" in value:
        return "Label Studio", {key: label_text(part) for key, part in value.items()}
    if any(is_response_list(part) for part in value.values()):
        return "Argilla", reduce_argilla_lists(value)
    return None


def reduce_label_studio(task: dict[str, Any]) -> dict[str, Any] | Rejected:
    """A task's data, and the results of its last annotation that was not cancelled."""
    annotations = [a for a in task.get("annotations") or task.get("completions") or [] if isinstance(a, dict)]
    usable = [a for a in annotations if not a.get("was_cancelled") and a.get("result")]
    if not usable:
        return Rejected("not annotated", f"task {task.get('id', '')} has no annotation that was submitted")
    results: dict[str, Any] = {}
    for result in usable[-1]["result"]:
        if isinstance(result, dict) and isinstance(result.get("value"), dict):
            name = str(result.get("from_name") or result.get("type"))
            results.setdefault(name, label_text(result["value"]))
    return {**task["data"], **results}


def label_text(value: Any) -> Any:
    """The text of a Label Studio value: {"choices": ["engine"]} and ["engine"] are engine."""
    if isinstance(value, dict):
        parts = [value[key] for key in ("text", "choices", "taxonomy", "rating", "number", "datetime") if key in value]
        return label_text(parts[0]) if parts else value
    if isinstance(value, list) and value:
        return label_text(value[0]) if not isinstance(value[0], list) else label_text(value[0][-1])
    return value


def reduce_argilla(record: dict[str, Any]) -> dict[str, Any] | Rejected:
    """A record as Argilla writes it: fields, and for each question the first response that was submitted."""
    responses, answers = record.get("responses") or {}, {}
    if isinstance(responses, dict):  # version 2: question → responses
        for question, entry in responses.items():
            submitted = [r for r in entry or [] if isinstance(r, dict) and r.get("status", "submitted") in STATUSES]
            if submitted:
                answers[question] = submitted[0].get("value")
    else:  # version 1: one entry for each person
        submitted = [r for r in responses if isinstance(r, dict) and r.get("status", "submitted") in STATUSES]
        for question, entry in (submitted[0].get("values") or {} if submitted else {}).items():
            answers[question] = entry.get("value") if isinstance(entry, dict) else entry
    if not answers:
        return Rejected("not annotated", "the record has no response that was submitted")
    return {**record["fields"], **(record.get("metadata") or {}), **answers}


def reduce_argilla_columns(record: dict[str, Any]) -> dict[str, Any] | Rejected:
    """A record of Argilla 2 in a Hugging Face dataset: columns `answer.responses`, `answer.responses.status`, …"""
    questions = [key.removesuffix(".responses") for key in record if key.endswith(".responses")]
    answers = {}
    for question in questions:
        entry = record[f"{question}.responses"] or []
        statuses = record.get(f"{question}.responses.status") or ["submitted"] * len(entry)
        submitted = [value for value, status in zip(entry, statuses, strict=False) if status in STATUSES]
        if submitted:
            answers[question] = submitted[0]
    if not answers:
        return Rejected("not annotated", "the record has no response that was submitted")
    fields = {key: value for key, value in record.items() if "." not in key and key not in ("_server_id", "status")}
    return fields | answers


def is_response_list(value: Any) -> bool:
    """Whether a value is the responses to a question, as Argilla 1 puts them into a Hugging Face dataset."""
    return isinstance(value, list) and bool(value) and all(
        isinstance(part, dict) and {"value", "status", "user_id"} <= part.keys() for part in value
    )  # fmt: skip


def reduce_argilla_lists(record: dict[str, Any]) -> dict[str, Any] | Rejected:
    """A record of Argilla 1 in a Hugging Face dataset: each question is a list of responses."""
    responses = {key: value for key, value in record.items() if is_response_list(value)}
    answers = {key: [r["value"] for r in value if r["status"] in STATUSES] for key, value in responses.items()}
    if not any(answers.values()):
        return Rejected("not annotated", "the record has no response that was submitted")
    first_values = {key: values[0] for key, values in answers.items() if values}
    return {key: value for key, value in record.items() if key not in responses} | first_values
