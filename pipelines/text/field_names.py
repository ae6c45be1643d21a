"""Fields of vehicles' records as people write them, put into the words of the kits' records.

`hwy_mpg: 31`, `31 hwy` and `highway 31` all become `highway 31 mpg`; `AWD` alone becomes `drive AWD`, the value as it
was written. A field that is not known stays as it is.
"""

import re

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
ALIASES = {
    "city": """cty, town, in town, urban, city mpg, mpg city, cty mpg, city fuel economy, city mileage,
        fuel economy city, in the city, mpg cty, mpg c, economy city, economy cty, city rating, epa city, urban mpg,
        city economy, stadt, stadt mpg, ciudad""",
    "highway": """hwy, hw, hiway, freeway, motorway, interstate, highway mpg, mpg highway, hwy mpg, mpg hwy, open road,
        highway fuel economy, highway mileage, fuel economy highway, on the highway, on the open road, mpg h,
        economy hwy, economy highway, fuel economy hwy, highway rating, epa hwy, epa highway, autobahn,
        autobahn mpg, carretera""",
    "combined": """comb, cmb, combo, combined mpg, mpg combined, comb mpg, mpg comb, cmb mpg, overall, overall mpg,
        mixed,
        average mpg, avg mpg, combined fuel economy, fuel economy combined, mpg x, mpg avg, economy comb,
        economy combined, mpg cmb,
        fuel economy comb, combined rating, epa combined, epa comb, mixed mpg, average, avg, kombi, kombi mpg""",
    "displacement": """disp, displ, displacement l, displacement (l), engine displacement, engine size, engine disp,
        liters, litres, engine capacity, engine (l), engine l, displacement in l, displacement liters, eng, engine,
        eng disp, displ l, disp l, engine displ, engine litres, engine liters, displacement litres, l, liter, litre,
        motor, motor size, hubraum, hubraum l, engine displacement l, cilindrada""",
    "cylinders": """cyl, cyls, cylinder, no cylinders, no. of cylinders, number of cylinders, num cylinders, cyl count,
        cylinder count, n cyl, cylinders no, n cylinders, num cyl, no cyl, engine cylinders, engine cyl, zylinder, zyl,
        cilindros""",
    "gears": """gear, no gears, no. of gears, number of gears, num gears, gear count, speeds, speed, forward gears,
        gear no, grs, no gear, transmission gears, trans gears, transmission speeds, gearbox gears, gearbox speeds,
        n gears,        g\u00e4nge""",
    "aspiration": """asp, aspir, aspir., air aspiration, air aspir method, air aspir method desc, aspiration method,
        induction, air intake, air aspiration method, engine aspiration, engine induction, forced induction""",
    "drive": """drv, drive desc, drive type, drive system, drivetrain, driven wheels, drive wheels, wheel drive, axle,
        drive train, driveline, drv type, antrieb, traction""",
    "transmission": """trans, tranny, transm, trans., transmission desc, transmission type, gearbox, gearbox type, box,
        trans type, trn, tr, trm, tran, getriebe, gear box, transmission kind""",
    "on hand": "onhand, qty on hand, stock on hand, in stock, on-hand",
    "lead time": "leadtime, lead",
    "odometer": "odo, odometer reading",
}
NAMES = {name: name for name in LAYOUTS} | {
    " ".join(alias.split()): name for name, some in ALIASES.items() for alias in some.split(",")
}
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
WORD_FIELDS = {
    name: re.compile(rf"(?:(?:{labels}):? )?({words})(?: (?:{labels}|engine))?")
    for name, words in WORDS.items()
    for labels in ["|".join(re.escape(alias) for alias in NAMES if NAMES[alias] == name)]
}
UNITS = re.compile(r"\s*(?:mpg|miles per gallon|liters?|litres?|l)\.?$", re.IGNORECASE)
WITH_UNIT = re.compile(r"(\d\.\d)[ -]?(?:l|liters?|litres?)?(?: engine)?", re.IGNORECASE)
NUMBER_FIRST = re.compile(r"(\d{1,3}(?:\.\d)?)(?:[ -](?:mpg|miles per gallon))?[ -]?([A-Za-z][A-Za-z .-]*)")
VALUE_ROOM = 60  # characters of a field that is looked at


def lay_out_field(key: str, value: str) -> str:
    """One field of a record, its name before its value.

    Args:
        key: its name, in lower case with spaces between words.

    >>> lay_out_field("hwy mpg", "31")
    'highway 31 mpg'
    """
    name = NAMES.get(key)
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
        name = NAMES.get(match[2].lower().strip(" .-"), "")
        if name in VALUES:
            return LAYOUTS[name].format(match[1]) if re.fullmatch(VALUES[name], match[1]) else text
    key, _, value = text.rpartition(" ")
    if UNITS.fullmatch(f" {value}") and key:  # city 31 mpg
        key, _, value = key.rpartition(" ")
    key = key.lower().rstrip(": ").replace("_", " ")
    return lay_out_field(key, value) if NAMES.get(key) in VALUES else text
