"""Read JSON: one object per line, an array of objects, an object that holds them, or the tables that pandas writes."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.conversations import reduce_object
from pipelines.datasets.upload.help_desks import ABOUT_NOTES, HELP_DESKS
from pipelines.datasets.upload.message_trees import ABOUT_TREES
from pipelines.datasets.upload.turns import ABOUT_CONVERSATIONS
from pipelines.readers.column_names import field_of
from pipelines.readers.encodings import MAX_LINE_CHARS, MIXED, read_lines
from pipelines.readers.header import count_known_names
from pipelines.readers.source import Rejected, Row, Source

MAX_DOCUMENT_BYTES = 256 << 20  # of a file that is one JSON value: it is read whole
MAX_DEPTH = 3  # of objects within objects that hold the rows
ENVELOPE_KEYS = ("name", "version", "title", "description", "exported_at", "generated_at", "status", "next", "url")
BLANK = " \t\r\n"


def read_json(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """A JSON file; its content says how its objects are written, whatever its suffix."""
    if is_document(first := first_line(path, name, encoding)):
        objects, fault = read_document(path, name, encoding, lenient=first.startswith("{"))
        if fault is None:
            unit = "line"
            if len({line for line, _ in objects}) < len(objects):  # several objects on a line: count them instead
                unit, objects = "object", [(at, value) for at, (_, value) in enumerate(objects, 1)]
            return reduce_source("JSON", name, encoding, lambda: iter(objects), notes, unit)
    return reduce_source("JSON Lines", name, encoding, lambda: read_objects(path, name, encoding), notes)


def is_document(first_line: str) -> bool:
    """Whether a file is one JSON value, not one per line: its first line is no complete object, or holds several."""
    try:
        value = json.loads(first_line)
        return first_line.startswith("[") or (isinstance(value, dict) and unwrap(value) != [value])
    except (ValueError, RecursionError):
        return first_line.startswith(("[", "{"))


def first_line(path: Path, name: str, encoding: str) -> str:
    """The first line that is not blank, cut to MAX_LINE_CHARS; empty if there is none."""
    try:
        with path.open(encoding=encoding, errors=MIXED if encoding == "utf-8" else "strict") as stream:
            lines = iter(lambda: stream.readline(MAX_LINE_CHARS), "")
            return next((line for line in lines if line.strip()), "").removeprefix("\ufeff").strip()
    except (UnicodeError, LookupError) as error:
        raise WeaverError(f"{name}: {error}", "Save it as UTF-8, or correct --encoding.") from error


def read_document(path: Path, name: str, encoding: str, lenient: bool) -> tuple[list[Row], ValueError | None]:
    """The objects of a file that is one JSON value, or several that follow one another, with their lines.

    Args:
        lenient: return a fault instead of raising it: the file may have one object per line, the first of which is bad.

    Raises:
        WeaverError: the file is too large, or is not JSON; names the line.
    """
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        if lenient:
            return [], ValueError("too large")
        raise WeaverError(
            f"{name} is one JSON value of {path.stat().st_size >> 20} MB",
            f"Write one JSON object per line (.jsonl): an array may have at most {MAX_DOCUMENT_BYTES >> 20} MB.",
        )
    try:
        text = path.read_text(encoding=encoding, errors=MIXED if encoding == "utf-8" else "strict").removeprefix(
            "\ufeff"
        )
    except (UnicodeError, LookupError) as error:
        raise WeaverError(f"{name}: {error}", "Save it as UTF-8, or correct --encoding.") from error
    try:
        return list(number_values(text)), None
    except (ValueError, RecursionError) as error:
        if lenient:
            return [], ValueError(str(error))
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise WeaverError(f"{name}{place} is not JSON: {message}", "Export it again, completely.") from error


def number_values(text: str) -> Iterator[Row]:
    """The objects in a text of JSON, each with the line in which it begins."""
    decoder, at, line, counted = json.JSONDecoder(), skip_blank(text, 0), 1, 0
    in_array = text[at : at + 1] == "["
    at = skip_blank(text, at + in_array)
    while at < len(text):
        if in_array and text[at] == "]":
            if rest := text[skip_blank(text, at + 1) :]:
                raise json.JSONDecodeError(f"text after the array: '{rest[:20]}'", text, at + 1)
            return
        line, counted = line + text.count("\n", counted, at), at
        value, at = decoder.raw_decode(text, at)
        for part in unwrap(value):
            yield line, check_object(part)
        at = skip_blank(text, at)
        if text[at : at + 1] == ",":
            at = skip_blank(text, at + 1)
        elif in_array and text[at : at + 1] != "]":
            raise json.JSONDecodeError(
                "expected ',' or ']' after an object: it ends too early", text, min(at, len(text))
            )
    if in_array:
        raise json.JSONDecodeError("the array has no end", text, len(text))


def skip_blank(text: str, at: int) -> int:
    """The place of the next character that is not blank."""
    while at < len(text) and text[at] in BLANK:
        at += 1
    return at


def unwrap(value: Any, depth: int = 0) -> list[Any]:
    """The objects that a value holds: {"data": [{…}, …]}, and the orientations in which pandas writes a table.

    An object stays as it is if it is a row itself: of a format of other tools, or with a question or an answer.
    """
    if not isinstance(value, dict):
        return [value]
    if isinstance(row := value.get("row"), dict) and "row_idx" in value:  # of Hugging Face's dataset viewer
        return [row]
    if isinstance(value.get("paragraphs"), list):
        return list(squad_questions(value))
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return [dict(zip(value["columns"], cells, strict=False)) for cells in value["data"]]
    if columns := column_lists(value):
        return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    if reduce_object(value)[0] or any(is_row_text(key, part) for key, part in value.items()):
        return [value]
    if (held := held_objects(value)) is not None:
        return [row for part in held for row in unwrap(part, depth + 1)] if depth < MAX_DEPTH else held
    parts = list(value.values())
    alike = parts and all(isinstance(part, dict) and part.keys() == parts[0].keys() for part in parts)
    if alike and all(key.isdecimal() for key in parts[0]):  # pandas: column → index → value
        return [{name: column[key] for name, column in value.items()} for key in parts[0]]
    if alike and len(parts) > 1 and count_known_names([*parts[0]]) > 1:  # id → row
        return parts
    return [value]


def is_row_text(key: str, value: Any) -> bool:
    """Whether a value of an object is a row's own question or answer."""
    return isinstance(value, str) and field_of(key) in ("instruction", "output")


def column_lists(value: dict[str, Any]) -> dict[str, list[Any]]:
    """Column → its values, of an object that has a list for each column; empty if it is none."""
    lists = {key: part for key, part in value.items() if isinstance(part, list)}
    same = len(lists) == len(value) > 1 and len({len(part) for part in lists.values()}) == 1
    plain = all(not isinstance(cell, dict | list) for part in lists.values() for cell in part)
    return lists if same and plain and count_known_names([*lists]) > 1 else {}


def held_objects(value: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The list of objects that an object holds, itself or in an object within it; None if there is none, or several.

    Beside texts of its own, such as the date of the export, only a list of rows is taken for what the object is about.
    """
    lists = [
        part for part in value.values() if isinstance(part, list) and part and all(isinstance(p, dict) for p in part)
    ]
    described = [key for key, part in value.items() if isinstance(part, str) and key not in ENVELOPE_KEYS]
    usable = [part for part in lists if (not described and len(lists) == 1) or is_row(part[0])]
    recognised = [part for part in usable if reduce_object(part[0])[0]]  # tickets, beside the users who wrote them
    if len(usable) == 1 or len(recognised) == 1:
        return recognised[0] if recognised else usable[0]
    inner = [part for part in value.values() if isinstance(part, dict)] if not lists else []
    nested = [part for part in map(held_objects, inner) if part is not None]
    return nested[0] if len(nested) == 1 else None


def is_row(value: dict[str, Any]) -> bool:
    """Whether an object is of a known format, or has columns that fields are named after."""
    return bool(reduce_object(value)[0] or {"paragraphs", "row_idx"} & {*value}) or count_known_names([*value]) > 1


def squad_questions(article: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The questions of an article of SQuAD, each with the paragraph that answers it."""
    for paragraph in article["paragraphs"]:
        for question in paragraph.get("qas", []) if isinstance(paragraph, dict) else []:
            if isinstance(question, dict):
                texts = [a.get("text") for a in question.get("answers") or [] if isinstance(a, dict)]
                yield {
                    "question": question.get("question"),
                    "context": paragraph.get("context"),
                    "answers": {"text": texts},
                }


def check_object(value: Any) -> dict[str, Any] | Rejected:
    """A JSON value as a row, if it is an object of valid texts."""
    if not isinstance(value, dict):
        return Rejected("not a JSON object", str(value)[:60])
    try:
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is valid JSON, but not text
    except UnicodeEncodeError as error:
        half, around = error.object[error.start], error.object[max(0, error.start - 30) : error.start]
        return Rejected("not text", f"half a character, {half!a}, after '{around}'; correct it in the source")
    except (ValueError, RecursionError) as error:
        return Rejected("not JSON", str(error))
    return value


def read_objects(path: Path, name: str, encoding: str) -> Iterator[Row]:
    """The objects of a file that has one per line."""
    for number, line in enumerate(read_lines(path, name, encoding), 1):
        if line.isspace():
            continue
        try:
            value = json.loads(line.strip().removesuffix(",") if number > 1 else line)
            yield number, check_object(value) if "\\u" in line or not isinstance(value, dict) else value
        except (ValueError, RecursionError) as error:
            yield number, Rejected("not JSON", f"{error}: '{line[:60].strip()}'")


def reduce_source(
    format_: str,
    name: str,
    encoding: str,
    objects: Callable[[], Iterator[Row]],
    notes: list[str],
    unit: str = "line",
) -> Source:
    """A source of objects, each reduced to the columns of its format; its columns are the keys of all of them."""

    def rows() -> Iterator[Row]:
        for number, value in objects():
            yield number, value if isinstance(value, Rejected) else reduce_object(value)[1]

    columns: dict[str, None] = {}
    formats: Counter[str] = Counter()
    first_rejected: Rejected | None = None
    for _, value in objects():
        kind, row = ("", value) if isinstance(value, Rejected) else reduce_object(value)
        formats[kind] += 1
        if isinstance(row, Rejected):
            first_rejected = first_rejected or row
        else:
            columns.update(dict.fromkeys(row))
    if not columns:
        raise WeaverError(
            f"{name} contains no JSON object{f': {first_rejected.detail}' if first_rejected else ''}",
            "Write one JSON object per row, with the keys question, answer and topic.",
        )
    if kinds := [kind for kind in formats if kind]:
        format_ = f"{format_}, {' and '.join(kinds)}"
        if {"chat messages", "transcripts", "message trees", *HELP_DESKS} & {*kinds}:
            notes.append(ABOUT_CONVERSATIONS)
        if {*HELP_DESKS} & {*kinds}:
            notes.append(ABOUT_NOTES)
        if "message trees" in kinds:
            notes.append(ABOUT_TREES)
        if {"chat messages", "transcripts"} & {*kinds}:
            notes.append("system prompts are left out: the template has its own")
        if "preference pairs" in kinds:
            notes.append("of each pair the preferred answer is used; the rejected one is not")
    return Source(format_, encoding, list(columns), unit, rows, notes)
