"""The made-up sentences of the training: `sentences.txt`, its slots filled, respelled as people write and dictate."""

import random
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.name_model import vehicle_texts, word_lists
from tests.name_model.trade_words import DOMAIN

TIMES = 20  # each sentence
SIGNED = 0.1  # of the sentences
SURNAME_PREFIXES = ("de ", "de la ", "van ", "von ", "Van ", "De ", "del ", "St. ", "Al-", "al ", "bin ", "El ", "dos ")
# What people end a text with, and what else a text may end with, which is nobody.
SIGN_OFFS = (
    r"\n{f}| - {f}| -{f}|. {f}|. {f}.|! {f}|? {f}"
    r"|\n- {f}|, {f}|\nThanks, {f}| thx {f}|\n{n}|. {n}| - {n}|\n\n{n}"
    r"| ({f})| ({f} {phone})|. {l}|\n{l}| / {f}| {f}|. -{f}|. {f} and {f}|, {f} {phone}|. Ask {f}.|. {f} knows."
    r"|. Per {f}."
)
NOBODYS_ENDS = (
    r"\nThanks|. Thanks!| - thanks|. Regards|\n{firm}| - {firm}|. {place}|\n{place}| ({place})| ({model})|, {part}"
    r"|. {part}.| - {date}|\nService Department|. Please Advise| ASAP| ({code})|, {make}|. {make}|. {model}| / {part}"
    r"| ({make} {part})|. {firm}."
)
NAME_SLOTS = "nflr"
SLOT = re.compile(r"\{(\w+)\}")


def split_bars(text: str) -> list[str]:
    """The phrases between bars."""
    return [" ".join(phrase.split()) for phrase in text.split("|")]


PARTS_TALK = """
    brakes|brake pads|front struts|water pump|alternator|battery|timing belt|AC compressor|serpentine belt|oil filter
    |wiper blades|headlight|door handle|key fob|tail light|radiator|thermostat|cabin filter|rotors|tires|tie rod end
    |wheel bearing|ball joint|muffler|catalytic converter|spark plugs|ignition coil|fuel pump|starter|transmission
    |Driver Side Airbag|Passenger Side Mirror|Front Bumper Cover|Rear View Camera|Power Steering Pump|Seat Belt Buckle
"""
FIRM_KINDS = split_bars("""
    Motors|Auto Body|Chevrolet|Automotive|Towing|Auto Group|Tire|Ford|Honda|Credit Union|Roofing|Logistics|Plumbing
    |Academy|Hospital|Schools|Dental|Grain & Supply|Insurance|Foods|Trucking|Construction|Elementary|Combat|Farms|Bank
    |County Schools|Fulfillment|Marine|Electric|Services|Partners|& Sons|Collision|Glass|Transmissions|Upholstery
""")
FIRMS = """
    AutoNation|CarMax|Jiffy Lube|Midas|Pep Boys|Firestone|Discount Tire|Les Schwab|Advance Auto Parts|NAPA|AutoZone
    |O'Reilly Auto Parts|Wells Fargo|Chase|Ally|Capital One|State Farm|Geico|Enterprise|Hertz|the dealership|Costco
    |Monro Muffler|Christian Brothers Automotive|Ford Motor Company|General Motors|Valvoline|Meineke|Safelite|Copart
"""


FIRMS_OF_PEOPLE = split_bars("""
    {l} and {l}|{l} & {l}|{l} & Sons|{l} Brothers|{l} Bros|J.D. {l}|{f} {l} {kind}|{f}'s {kind}|{l}'s {kind}
    |{l}, {l} & {l}|{l}-{l}|{f} {l} {kind}|{f} {l}'s {kind}|{l} {l} {kind}|{l} & {f} {kind}|{l} of {place}
    |{l} {kind} LLC|{l} {kind}, Inc.|The {l} Group|{l} Holdings
""")
EPONYMS = split_bars("""
    {l} geometry|{l} cycle|{l} effect|{l} test|{l} Street|{l} Avenue|{l} Road|{l} County|{l} Park|Lake {l}|Mount {l}
    |Fort {l}|{l} University|{l} High School|{l} Elementary|{l} Center|{l} Memorial Hospital|{l} Bridge|{l} Airport
    |the {l} plant|{l} Parkway|{l} Boulevard|{l} Springs|{l} Creek|the {l} exit|the {l} Turnpike|St. {f}|San {f}
    |{l} valve|{l} joint|{l} strut|{l} edition|the {f} {l} Edition|{f} {l} Drive|{f} {l} Elementary|the {l} Foundation
    |{f} {l} Highway|Port {l}|{l}ville|{l} Beach|{l} Hill|{l} Heights|{l} wrench|{l}-{l} tool
    |{l} special tool|a {l} clamp|{l} screws|a {l} key
    |{l} gauge|{l} racks|{l} grit|{l} filter|{l} plugs|{l} gearbox|{l} bushings|{l} lift|{l} compressor|{l} tires
    |{l} wipers|{l} intake|{l} turbo|{l} pads|{l} blue|{l} package|{l} time|{l} label|{l} carb|{l} winch
    |{f} {l} leather|{l} and {l} brakes|{l} trans|{l} rear|{l} gears|{l} paint|{l} rotors|{l} springs|{l} scanner
""")


class Sentence(NamedTuple):
    """A text and where the names are in it."""

    text: str
    names: list[tuple[int, int]]


class Filler:
    """Fills the slots of made-up sentences."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.first = word_lists.sorted_by_frequency("female.first", "male.first")
        self.last = word_lists.census("all.last")
        self.known_first = frozenset(self.first)
        self.foreign = {kind: word_lists.faker_names(kind) for kind in ("first", "last")}
        self.cars, self.places = vehicle_texts.vehicle_names(), word_lists.places()
        self.models = [word.title() for word in word_lists.words_of(self.cars) if len(word) > 2]
        common = {*" ".join(word_lists.common_words()).split(), *word_lists.words_of(self.cars), *DOMAIN.split()}
        self.ambiguous = {  # Grace, Will, Dakota; Little, Crane, Ford
            "first": [name.title() for name in self.first[:2500] if name in common],
            "last": [name.title() for name in self.last[:6000] if name in common],
        }
        self.scripts = {kind: word_lists.faker_names(kind, word_lists.OTHER_SCRIPTS) for kind in ("first", "last")}
        self.parts, self.firms = split_bars(PARTS_TALK), split_bars(FIRMS)
        self.codes = vehicle_texts.code_descriptions()

    def pick(self, ranked: list[str]) -> str:
        """One of a list whose beginning is more frequent."""
        return ranked[min(int(len(ranked) * self.rng.random() ** 3), len(ranked) - 1)]

    def first_name(self) -> str:
        kind = self.rng.random()
        if kind < 0.1:
            return self.rng.choice(self.ambiguous["first"])
        if kind < 0.11:  # people are called after cars, too
            return self.rng.choice(self.models)
        name = self.rng.choice(self.foreign["first"]) if kind < 0.35 else self.pick(self.first).title()
        return f"{name}-{self.pick(self.first).title()}" if self.rng.random() < 0.02 else name

    def last_name(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind > 0.9:
            return rng.choice(self.ambiguous["last"])
        if kind > 0.895:
            return rng.choice(self.models)
        name = rng.choice(self.foreign["last"]) if rng.random() < 0.3 else self.pick(self.last).title()
        if kind < 0.03:
            return f"{name}-{self.pick(self.last).title()}"
        if kind < 0.06:
            return rng.choice(SURNAME_PREFIXES) + name
        if kind < 0.08:
            return rng.choice(("O'", "D'", "O\u2019")) + name
        return rng.choice(("Mc", "Mac")) + name if kind < 0.10 else name

    def full_name(self) -> str:
        rng = self.rng
        if rng.random() < 0.02:
            first, last = (rng.choice(self.scripts[part]) for part in ("first", "last"))
            return f"{first} {last}"
        kind = rng.random()
        if kind > 0.93:  # R. Delgado, T.BAKER, Tyra J.
            initial = rng.choice("ABCDEFGHJKLMNPRSTVW")
            return rng.choice(
                (
                    f"{initial}. {self.last_name()}",
                    f"{initial}.{self.last_name()}",
                    f"{initial} {self.last_name()}",
                    f"{initial}. {initial}. {self.last_name()}",
                    f"{self.first_name()} {initial}.",
                )
            )
        if kind > 0.9:
            return f'{self.first_name()} "{self.first_name()}" {self.last_name()}'
        middle = (
            f" {rng.choice('ABCDEFGHJKLMNPRSTW')}."
            if kind < 0.05
            else f" {rng.choice('ABCDEJLMRT')}"
            if kind < 0.08
            else f" {self.first_name()}"
            if kind < 0.11
            else ""
        )
        suffix = rng.choice((" Jr.", " Jr", " Sr.", " III", ", Jr.")) if kind > 0.88 else ""
        return f"{self.first_name()}{middle} {self.last_name()}{suffix}"

    def named_firm(self, make: str) -> str:
        """A company with a name of a person in its own, which is no person: Baker Towing, Reed & Cole."""
        kind = self.rng.choice((make, *FIRM_KINDS))
        return self.named_after(self.rng.choice(FIRMS_OF_PEOPLE) if self.rng.random() < 0.4 else "{l} {kind}", kind)

    def named_after(self, form: str, kind: str = "") -> str:
        """A firm, place or thing that is named after somebody; `form` has {l} and {f} for names and {kind}."""
        values = {"l": lambda: self.pick(self.last).title(), "f": lambda: self.pick(self.first).title()}
        return SLOT.sub(lambda slot: values[slot[1]]() if slot[1] in values else kind, form)

    def fill(self, slot: str) -> str:
        """A value of a slot."""
        rng = self.rng
        car = rng.choice(self.cars).split()
        values: dict[str, Callable[[], str]] = {
            "n": self.full_name, "f": self.first_name, "l": self.last_name,
            "r": lambda: f"{self.last_name()}, {self.first_name()}",
            "car": lambda: " ".join(car[: rng.randint(3, 6)]),
            "make": lambda: car[1],
            "model": lambda: " ".join(car[2:4]),
            "part": lambda: rng.choice((*self.parts, rng.choice(self.codes)[:60].rstrip("."))),
            "phone": lambda: f"{rng.randint(201, 989)}-555-{rng.randint(100, 9999):04}",
            "num": lambda: str(rng.choice((rng.randint(1, 12), rng.randint(13, 120), rng.randint(1000, 160_000)))),
            "money": lambda: f"${rng.randint(10, 30_000):,}",
            "date": lambda: rng.choice(("3/14/2024", "11-02-23", "May 5", "Tuesday", "2021", "last week", "Monday")),
            "code": lambda: f"{rng.choice('PBCU')}{rng.randint(0, 3999):04}",
            "place": lambda: rng.choice(self.places).split(",")[0] if rng.random() < 0.6 else rng.choice(self.places),
            "eponym": lambda: self.named_after(rng.choice(EPONYMS)),
            "firm": lambda: rng.choice(self.firms) if rng.random() < 0.6 else self.named_firm(car[1]),
        }  # fmt: skip
        return values[slot]()

    def sentence(self, line: str) -> Sentence:
        """A made-up sentence with its slots filled."""
        text, names = "", []
        for number, piece in enumerate(SLOT.split(line.replace("\\n", "\n").replace("\\t", "\t"))):
            value = self.fill(piece) if number % 2 else piece
            if number % 2 and piece in NAME_SLOTS:
                names.append((len(text), len(text) + len(value)))
            text += value
        return Sentence(text, names)


def respell(sentence: Sentence, rng: random.Random) -> Sentence:
    """A sentence as written, in lower case, or in capitals; some without punctuation, as dictated, and in a text."""
    text, names = sentence
    kind = rng.random()
    spelled = text.lower() if kind > 0.6 else text.upper() if kind > 0.48 else text
    if len(spelled) != len(text):  # a letter whose other case is two letters
        spelled = text
    if kind > 0.8:  # dictated
        spelled = "".join(" " if c in ".,:;!?/-" else c for c in spelled)
    return Sentence(spelled, names)


def sign(sentence: Sentence, filler: Filler, rng: random.Random) -> Sentence:
    """The sentence with a name at its end, as people sign what they write, or with what looks like one."""
    ends = SIGN_OFFS if rng.random() < 0.6 else NOBODYS_ENDS
    end = filler.sentence(rng.choice(ends.split("|")))
    text = sentence.text.rstrip(" .,;") if end.text[0] in ".," else sentence.text
    return join(Sentence(text, sentence.names), end, "")


def join(first: Sentence, second: Sentence, mark: str) -> Sentence:
    """Two sentences as one text."""
    shift = len(first.text) + len(mark)
    return Sentence(first.text + mark + second.text, [*first.names, *((a + shift, b + shift) for a, b in second.names)])


def make_sentences(rng: random.Random) -> Iterator[Sentence]:
    """The sentences of `sentences.txt`, alone and in pairs."""
    filler = Filler(rng)
    lines = word_lists.SENTENCES.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("# ")]
    for _ in range(TIMES):
        for line in lines:
            sentence = filler.sentence(line)
            if rng.random() < 0.35:
                sentence = join(
                    sentence, filler.sentence(rng.choice(lines)), rng.choice((". ", "\n", " ", ", ", " - "))
                )
            yield respell(sign(sentence, filler, rng) if rng.random() < SIGNED else sentence, rng)
