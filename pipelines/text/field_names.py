"""Fields of vehicles' records as people write them, put into the words of the kits' records.

`hwy_mpg: 31`, `31 hwy` and `highway 31` all become `highway 31 mpg`; `AWD` alone becomes `drive AWD`, the value as it
was written. A field that is not known stays as it is.
"""

import re
from functools import lru_cache

LAYOUTS = {  # a field's name → how the records of the kits show it
    "city": "city {} mpg",
    "highway": "highway {} mpg",
    "combined": "combined {} mpg",
    "displacement": "displacement {} L",
    "cylinders": "cylinders {}",
    "gears": "gears {}",
    "aspiration": "aspiration {}",
    "drive": "drive {}",
    "transmission": "transmission {}",
    "on hand": "on hand {}",
    "lead time": "lead time {}",
    "odometer": "odometer {}",
}
WORDS_OF = {  # field → the words of its name, in files and as people write it
    "city": "city cty twn town urban innerorts stadt ville ciudad mpgc mpgcity",
    "highway": """highway hwy hw hiway freeway motorway interstate road country autobahn ausserorts au\u00dferorts route
        carretera mpgh mpghwy""",
    "combined": "combined comb cmb combo combi mixed mix average avg overall gesamt kombi mixte mpga mpgcomb",
    "cylinders": "cylinder cylinders cyl cyls cylindres cilindros zylinder zyl",
    "gears": "gear gears speed speeds spd grs rapports g\u00e4nge marchas",
    "aspiration": "aspiration asp aspir aspired induction boost",
    "displacement": """displacement disp displ dsp hubraum cylindr\u00e9e cilindrada ccm capacity liter liters litre
        litres l engine eng motor moteur""",
    "drive": "drive drv driven drivetrain driveline axle axles wheels antrieb traction",
    "transmission": "transmission trans transm tranny trn trm tx gearbox box getriebe shifter bo\u00eete",
    "on hand": "onhand on-hand stock",
    "lead time": "leadtime",
    "odometer": "odometer odo",
}
OF_WORD = {word: name for name, words in WORDS_OF.items() for word in words.split()}
WHOLE = {
    "on hand": "on hand",
    "qty on hand": "on hand",
    "in stock": "on hand",
    "lead time": "lead time",
    "lead": "lead time",
}
SILENT = """mpg epa fuel economy us rating rated number num no count n of the in on for desc description type kind
    method value air size total mileage forward consumption gas est estimated s wheel system configuration reading fe h
    m c""".split()  # noqa: SIM905  # say nothing beside another word
GENERAL = ("displacement", "transmission", "drive")  # `engine cylinders` is about cylinders
KEY_WORD = re.compile(r"[^\W\d_]+")
VALUES = {  # what a value can be, where it stands without its field's name or is put to the test
    "city": r"\d{1,3}",
    "highway": r"\d{1,3}",
    "combined": r"\d{1,3}",
    "displacement": r"\d\.\d|\d",
    "cylinders": r"\d{1,2}",
    "gears": r"\d{1,2}",
}
WORDS = {
    "drive": r"(?:(?:front|rear|all|four|part-time four|2|4|two)[- ]wheel|[fra4]wd|2wd|4x4|4x2)(?:[- ]drive)?",
    "transmission": r"automatic|manual|auto|cvt|continuously variable|stick(?: shift)?",
    "aspiration": r"naturally aspirated|turbo(?:charged)?|supercharged|twin[- ]turbo",
}
LABELS = {name: "|".join(words.split()) for name, words in WORDS_OF.items()}
WORD_FIELDS = {
    name: re.compile(
        rf"(?:(?:(?:{LABELS[name]})(?: (?:wheels?|type|desc|system))?):? )?({words})(?: (?:{LABELS[name]}|engine))?"
    )
    for name, words in WORDS.items()
}
UNITS = re.compile(r"\s*(?:mpg|miles per gallon|liters?|litres?|l)\.?$", re.IGNORECASE)
WITH_UNIT = re.compile(r"(\d\.\d)[ -]?(?:l|liters?|litres?)?(?: engine)?", re.IGNORECASE)
NUMBER_FIRST = re.compile(r"(\d{1,3}(?:\.\d)?)(?:[ -](?:mpg|miles per gallon))?[ -]?([A-Za-z][A-Za-z .-]*)")
VALUE_ROOM = 60  # characters of a field that is looked at


@lru_cache(10_000)
def find_field(key: str) -> str:
    """The field that a key or label names: `hwy_mpg`, `City (mpg)`, `engine cylinders`; empty if none is known.

    >>> [find_field(key) for key in ("hwy mpg", "no. of cylinders", "engine oil", "fuel type")]
    ['highway', 'cylinders', '', '']
    """
    lowered = key.casefold().strip()
    if lowered in LAYOUTS or lowered in WHOLE:
        return WHOLE.get(lowered, lowered)
    words = KEY_WORD.findall(lowered)
    telling = [word for word in words if word not in SILENT] or [word for word in words if word in OF_WORD]
    names = {OF_WORD.get(word, "") for word in telling}
    if "" in names:
        return ""
    names = names.difference(GENERAL) or names
    return names.pop() if len(names) == 1 else ""


def lay_out_field(key: str, value: str) -> str:
    """One field of a record, its name before its value.

    Args:
        key: its name, in lower case with spaces between words.

    >>> lay_out_field("hwy mpg", "31")
    'highway 31 mpg'
    """
    name = find_field(key)
    bare = UNITS.sub("", value)
    if name == "displacement":
        bare = re.sub(r"^(\d),(\d)$", r"\1.\2", bare)
    if name in VALUES and not is_value(name, value):
        return f"{key} {value}"
    return LAYOUTS[name].format(bare if name in VALUES else value) if name else f"{key} {value}"


def is_value(name: str, value: str) -> bool:
    """Whether a text can be the value of a field of numbers, with or without its unit."""
    return re.fullmatch(VALUES[name], UNITS.sub("", value).replace(",", ".")) is not None


def lay_out_phrase(text: str) -> str:
    """A field that is written without a sign between name and value: `31 hwy`, `cyl 4`, `2.0 L`, `AWD`; or the text.

    >>> [lay_out_phrase(text) for text in ("31 hwy", "cyl 4", "2.0 L", "AWD", "red")]
    ['highway 31 mpg', 'cylinders 4', 'displacement 2.0 L', 'drive AWD', 'red']
    """
    if len(text) > VALUE_ROOM:
        return text
    lowered = text.lower()
    if text == LAYOUTS.get(lowered.split(" ")[0], ""):
        return text
    for name, pattern in WORD_FIELDS.items():
        if match := pattern.fullmatch(lowered):
            value = text[match.start(1) : match.end(1)]
            return LAYOUTS[name].format(re.sub(r"(?i)[- ]drive$", "", value) if name == "drive" else value)
    if match := WITH_UNIT.fullmatch(text):
        return LAYOUTS["displacement"].format(match[1])
    if match := NUMBER_FIRST.fullmatch(text):
        name = find_field(match[2].strip(" .-"))
        if name in VALUES:
            return LAYOUTS[name].format(match[1]) if re.fullmatch(VALUES[name], match[1]) else text
    key, _, value = text.rpartition(" ")
    if UNITS.fullmatch(f" {value}") and key:  # city 31 mpg
        key, _, value = key.rpartition(" ")
    key = key.lower().rstrip(": ").replace("_", " ")
    return lay_out_field(key, value) if find_field(key) in VALUES else text
