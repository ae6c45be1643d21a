"""Whether a message brings the record that its question is about, in whatever format; then nothing is looked up.

A record shows by its layout (cells, fields, pairs, JSON, tags), or by a statement with several values beside the
question. A number that names the subject of the question is no value of a record: a year, a code, a part, a date.
"""

import re

from pipelines.text.normal_form import NUMBER, read_tokens
from pipelines.text.passages import PART_NUMBER, TITLE_JOINT, TROUBLE_CODE, VIN
from pipelines.text.specifications import ECONOMY_LABELS
from pipelines.text.stated_fields import find_statements

CELLS = re.compile(
    rf"\S[ ]*(?:\||\t|{TITLE_JOINT.strip()})\s*\S|\w[ ]?\.{{3,}}[ ]?\w"
)  # between bars, tabs, or at the ends of a dotted line
DIVIDER = re.compile(r"\s(?:-{2,}|\u00b7|\u2022|//|::)\s")
JSON_PAIR = re.compile(r"[\"'][^\"'\n]{1,60}[\"']\s*:\s*[\"'\d\[{tfn-]")
TAG = re.compile(r"<([\w-]+)>[^<]+</\1>")
ASSIGNMENT = re.compile(r"\w[ ]?=[ ]?[\w\"'$-]")
FIELD = re.compile(
    r"(?:^|[\n,;{])[ ]*[-*\u2022]?[ ]*([A-Za-z][\w /().-]{0,30}?)[ ]?:[ ]*([^\s:?][^\n,;:?]{0,60})(?=$|[\n,;}])"
)
FIELD_LINE = re.compile(
    r"^\W*[A-Za-z][\w .()-]{0,30}?[ ]+[$\u20ac]?\d[\d.,]*[ ]?[\w%\"']{0,5}$", re.MULTILINE
)  # city 26 mpg
CSV_LINE = re.compile(r"^[^,\n]{1,40}(?:,[^\s,][^,\n]{0,40}){2,}$", re.MULTILINE)
SPEAKERS = re.compile(
    "a|adviser|advisor|agent|assistant|caller|client|customer|from|me|note|q|question|re|subject|to|user|you"
)
# Fields that say what is asked about: a form with these alone brings no record.
IDENTIFIERS = re.compile(
    "car|code|codes|date|dtc|make|mileage|miles|model|name|odometer|plate|ro|stock|time|trim|unit|vehicle|vin|year"
)
# Between sentences and lines; a quotation and what stands in brackets are sentences of their own.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+|(?:^|(?<=\s))[\"(\u201c]|[\")\u201d](?=\W|$)")
QUESTION = re.compile(
    r"^\W*(?:(?:so|and|ok|okay|hi|hello|hey|please|pls|but|also|now|then|or)\W+)*"
    r"(?:what|whats|what's|how|hows|how's|which|who|whose|when|where|why|is|are|was|do|does|did|can|could|should|would|will"
    r"|has|have|tell|give|show|explain|list|find|look|i need|need|looking for|number of)\b",
    re.IGNORECASE,
)
STORY = re.compile(
    r"\b(?:i|i'm|im|i've|my|we|our|he|she|his|her|they|their|customer|client|guy|lady|man|woman|wife|husband)\b",
    re.IGNORECASE,
)
OF_STORY = re.compile(
    r"\d[\d,.]*[ ]?(?:k|miles?|mi|km|hours?|minutes?|mins?|days?|weeks?|months?|years?|times)\b", re.I
)
YEAR = re.compile(r"(?:19|20)\d\d")
RANGE = re.compile(r"(?<=\d)-(?=\d)")  # 5-7 days is one value; 9-3 is a model
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
MIN_PAIRS = 2  # of fields, assignments, dividers and lines of a table
MIN_VALUES = 2  # of a statement beside the question
MIN_SPECIFICATIONS = 3  # of a vehicle
MIN_VALUES_ALONE = 4  # of the only sentence, which then has to ask as well


def brings_record(message: str) -> bool:
    """Whether a message brings a record of its own.

    >>> brings_record("Highway mpg?\\nThe 2012 Nissan Titan does 12 in the city and 17 on the highway.")
    True
    >>> brings_record("How many cylinders has a 2012 Nissan Titan?")
    False
    """
    return has_layout(message) or has_statement(message) or states_specifications(message)


def states_specifications(message: str) -> bool:
    """Whether a message states specifications of a vehicle, fuel economy among them: others may only describe it."""
    records = find_statements(message)
    return any(
        len({each.field for each in record.values}) >= MIN_SPECIFICATIONS
        and any(each.field in ECONOMY_LABELS for each in record.values)
        for record in records
    )


def has_layout(message: str) -> bool:
    """Whether parts of a message are laid out as a record: cells, JSON, tags, pairs, fields, lines of a table."""
    if CELLS.search(message) or JSON_PAIR.search(message) or TAG.search(message):
        return True
    fields = [name.casefold() for name, _ in FIELD.findall(message) if not SPEAKERS.fullmatch(name.casefold())]
    if len(fields) >= MIN_PAIRS and not all(map(IDENTIFIERS.fullmatch, fields)):
        return True
    patterns = (ASSIGNMENT, DIVIDER, FIELD_LINE, CSV_LINE)
    return any(len(pattern.findall(message)) >= MIN_PAIRS for pattern in patterns)


def has_statement(message: str) -> bool:
    """Whether a sentence or line of a message states several values."""
    segments = [segment for part in SENTENCE_END.split(message) if (segment := part.strip())]
    for segment in segments:
        asks = segment.endswith("?") or QUESTION.match(segment) is not None
        fewest = MIN_VALUES_ALONE if len(segments) == 1 or asks else MIN_VALUES
        stated = OF_STORY.sub(" ", segment) if STORY.search(segment) else segment
        if count_values(stated) >= fewest:
            return True
    return False


def count_values(text: str) -> int:
    """How many numbers of a text can be values of fields; number words count."""
    for named in (TROUBLE_CODE, VIN, PART_NUMBER):
        text = named.sub(" ", text)
    text = RANGE.sub("", text)
    numbers = [token.text for token in read_tokens(text) if token.kind == NUMBER]
    return sum(PLAIN_NUMBER.fullmatch(number) is not None and not YEAR.fullmatch(number) for number in numbers)
