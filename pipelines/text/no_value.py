"""Values that stand for none: what programs and people write where there is no answer."""

import re
from math import isnan
from typing import Any

# Error cells of any language: #N/A, #REF!, #¡VALOR!, #NOM?; #NV and #N/D are #N/A in German and in Romance languages.
ERROR_CELL = re.compile(r"#(?:N/?A(?: N/A)?|NV|N/[DV]|N/DISP|#+|[^\s#]{2,20}[!?])")
# What databases, pandas, C and people write where there is no value.
NO_VALUES = """
    null, nul, nil, none, nan, -nan, +nan, nat, na, n/a, n.a, n\\a, n-a, nv, <na>, <null>, [null], (null), (none),
    (blank), (empty), (leer), \\n, blank, undefined, unknown, tbd, t.b.d, tba, tbc, todo, to-do, xx, xxx, xxxx,
    -1.#ind, -1.#qnan, 1.#ind, 1.#qnan, 1.#inf, ditto, dito, idem, dto, same, not available, not applicable,
    not answered, no answer, no answer yet, no data, no value, no response, no entry, none given, none listed,
    not known, not specified, not provided, to be determined, to be confirmed, to be announced, to be done, to do,
    to follow, to be added, fill in, coming soon, please advise, left blank, intentionally left blank, as above,
    as below
"""
NO_VALUE = frozenset(" ".join(text.split()) for text in NO_VALUES.split(","))
# An answer that is somewhere else.
ELSEWHERE = re.compile(
    r"(?:(?:please|pls|kindly)\s+)?(?:see|refer\s+to|ref|cf|as\s+(?:per|in|stated|mentioned|noted)|same\s+as)\.?:?\s+"
    r"(?:in\s+)?(?:the\s+|my\s+|our\s+)?"
    r"(?:(?:above|below|previous|prior|preceding|earlier|last|next|first|attached|other|same)"
    r"(?:\s+(?:one|row|line|cell|answer|entry|note|notes|question|comment|comments|file|sheet|tab|page|document|email))?"
    r"|(?:row|line|cell|column|page|sheet|tab|answer|question|entry|note|notes|comment|comments|attachment|attachments"
    r"|file|spreadsheet)\s*(?:#|no\.?)?\s*\w{0,6})",
)
ELSEWHERE_CHARS = 50
# A note to write the answer later: "TODO ask parts", "[answer pending]". These are words of data.
LATER = re.compile(r"\W*(?:TODO|TBD|TBA|TBC|FIXME)\b.*", re.DOTALL)
BRACKETED = re.compile(
    r"[\[(<].*\b(?:to be (?:added|answered|confirmed|done|filled)|answer (?:here|pending)|fill in|insert answer)\b"
    r".*[\])>]",
    re.IGNORECASE,
)
PART_SEPARATOR = re.compile(r"[,;:(]\s*|\s+[-\u2013\u2014/]\s+")
PUNCTUATION = re.compile(r"[\W_]+")
SYMBOLS = frozenset("✓✔☑✗✘☒°%$€£½¼¾")  # punctuation that says something


def is_no_value(value: Any) -> bool:
    """Whether a value stands for none: blank, an error cell, `N/A`, `TBD`, a dash, `see above`. 0 and No are values."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return True
    if not isinstance(value, str):
        return False
    text = " ".join(value.split())
    if not text or (PUNCTUATION.fullmatch(text) and not SYMBOLS & set(text)):
        return True
    if ERROR_CELL.fullmatch(text) or LATER.fullmatch(text):
        return True
    if len(text) > ELSEWHERE_CHARS:
        return False
    plain = text.casefold().strip("*'\" ").rstrip(".!?…: ").strip("*'\" ")
    bare = plain.strip("()[]<> ")
    if {plain, bare} & NO_VALUE or ELSEWHERE.fullmatch(bare) or BRACKETED.fullmatch(text):
        return True
    parts = PART_SEPARATOR.split(bare)
    return len(parts) > 1 and all(map(is_no_value, parts))
