"""What a cell or a JSON value says: a text, a formula that was not computed, or a row of totals."""

import json
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from functools import cache
from typing import Any

# ---- formulas

CALL = r"@?(?:_xlfn\.|_xlws\.)*[A-Z][A-Z0-9_.]*\("
REFERENCE = r"(?:(?:'[^']+'|\[?[\w.]+\]?\w*)!)?\$?[A-Z]{1,3}\$?[1-9]\d{0,6}(?::\$?[A-Z]{1,3}\$?[1-9]\d{0,6})?"
COLUMNS = r"(?:(?:'[^']+'|[\w.]+)!)?\$?(?:[A-Z]{1,3}:\$?[A-Z]{1,3}|\d+:\$?\d+)"
OPERAND = re.compile(
    rf'(?P<open>\(|{CALL})|(?P<text>"(?:[^"]|"")*")|(?P<number>\d+(?:[.,]\d+)?(?:E[+-]?\d+)?%?)'
    rf"|(?P<dde>[\w.]+\|'[^']*'![\w$:]+)|(?P<reference>(?:{REFERENCE}|{COLUMNS})(?![\w.]))|(?P<name>[^\W\d]\w*)\b|(?P<error>#\w+[!?/]\w*)",
    re.IGNORECASE,
)
OPERATOR = re.compile(r"<=|>=|<>|[-+*/^&=<>,;]")
BLANK = re.compile(r"\s*")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute a text, instead of showing it.

    `=SUM(A1)`, `+A1*2` and `@SUM(A1)` are formulas. `-Replaced pads`, `=> no fault found`, `@60000 miles` and
    `+/-0.5 V` are not: they follow no formula's grammar. After a sign, numbers alone are a text: `-5`, `+49 30 1234`.
    """
    body = text.strip()
    if not body or body[0] not in "=+-@" or len(body) < 2:
        return False
    kinds = formula_parts(body[1:] if body[0] in "=@" else body)
    if kinds is None:
        return False
    if body[0] == "=":
        return True
    names = {name.upper() for name in re.findall(r"([A-Za-z][\w.]*)\(", body)}
    computes = bool(re.search(r"[*/^&]|\+.", body[1:])) and "reference" in kinds
    return "dde" in kinds or bool(names & function_names()) or (computes and body[0] != "@")


def formula_parts(text: str) -> set[str] | None:
    """The kinds of operands in a text; None if it is no sequence of operands with operators between them."""
    kinds, at, depth, expects_operand = set[str](), 0, 0, True
    while (at := BLANK.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        if expects_operand:
            if text[at] in "+-@":
                at += 1
                continue
            if text[at] == ")" and depth and text[at - 1] == "(":  # a call without arguments
                depth, at, expects_operand = depth - 1, at + 1, False
                continue
            operand = OPERAND.match(text, at)
            if not operand or (operand["name"] and not depth and operand["name"].upper() not in ("TRUE", "FALSE")):
                return None  # words are operands within a call only: `WAHR` is TRUE, and names of ranges are any word
            kinds.add(operand.lastgroup or "")
            depth, expects_operand, at = (
                depth + (operand.lastgroup == "open"),
                operand.lastgroup == "open",
                operand.end(),
            )
        elif text[at] == ")":
            if not depth:
                return None
            depth, at = depth - 1, at + 1
        elif text[at] == "%":
            at += 1
        elif operator := OPERATOR.match(text, at):
            if operator[0] in ",;" and not depth:
                return None
            at, expects_operand = operator.end(), True
        else:
            return None
    return kinds if not expects_operand and not depth and kinds else None


@cache
def function_names() -> frozenset[str]:
    """The functions of spreadsheets."""
    from openpyxl.utils import FORMULAE

    return frozenset(FORMULAE) | {
        "WEBSERVICE",
        "IMPORTXML",
        "IMPORTDATA",
        "XLOOKUP",
        "FILTERXML",
        "IMAGE",
        "LET",
        "FILTER",
    }


def describe_formula(column: str, value: str) -> str:
    """What is wrong with a cell that has a formula."""
    return f"{column} is '{value[:60]}'; write a text or a number there, or save the workbook in Excel with its results"


# ---- texts of other values


def cell_text(value: Any) -> str | None:
    """A number, date or truth value as text; None if it is none of them."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(*" " * isinstance(value, datetime))
    return None


def parse_facts(value: Any) -> dict[str, str] | None:
    """A map of names to texts, or its JSON, as a dict; None if the value is no such map."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(value, list):  # a Parquet map
        value = dict(value) if all(isinstance(pair, tuple) and len(pair) == 2 for pair in value) else None
    if not isinstance(value, dict):
        return None
    facts = {name: text for name, text in value.items() if text is not None}  # a Parquet struct names every field
    return facts if all(isinstance(part, str) for pair in facts.items() for part in pair) else None


# ---- totals

TOTAL = re.compile(
    r"(?:grand\s+|sub-?\s*|report\s+|running\s+)?totals?\b.{0,30}|sum|count|averages?|mean|summe|gesamt", re.I
)
NUMERIC = re.compile(r"[-+(]?\s*(?:[A-Z]{3}|[$€£])?\s*[-+]?\d[\d.,' ]*\s*(?:%|[A-Z]{3}|[$€£])?\)?", re.I)
END_OF_REPORT = re.compile(
    r"(?:-+\s*)?(?:end of (?:report|file|list)|page \d+ of \d+|printed (?:on|by).*"
    r"|\d+ (?:rows|records)(?: selected| affected)?)\.?(?:\s*-+)?",
    re.IGNORECASE,
)


def is_header_row(values: dict[str, Any]) -> bool:
    """Whether a row repeats the names of the columns, as on each page of a report and in files that were joined."""
    cells = [(column, str(value).strip()) for column, value in values.items() if value is not None]
    filled = [(column, text) for column, text in cells if text]
    return len(filled) > 1 and all(text == column for column, text in filled)


def is_totals_row(values: Iterable[Any]) -> bool:
    """Whether a row is the sum of those above it, or the last line of a report, and no record."""
    texts = [str(value).strip() for value in values if value is not None and str(value).strip()]
    if not texts:
        return False
    if len(texts) == 1:
        return bool(END_OF_REPORT.fullmatch(texts[0]) or TOTAL.fullmatch(texts[0].rstrip(": ")))
    numbers = [text for text in texts if NUMERIC.fullmatch(text)]
    labels = [text for text in texts if text not in numbers]
    return bool(numbers) and bool(labels) and all(TOTAL.fullmatch(label.rstrip(": ")) for label in labels)
