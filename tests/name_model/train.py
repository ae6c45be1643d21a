"""Train the model of names: `python -m tests.name_model.train` rewrites `name_model.json`.

The sentences are made up (`sentences.txt`, with names in every slot) and public (newsgroup posts, utterances, trouble
codes, names of vehicles). Each is seen as written, in lower case, or in capitals. Three in ten names are hidden from
the lists, others in each part of the sentences, so that the model also learns names that no list holds
from their spelling and from the words around them. The same packages give the same file.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipelines.core.files import atomic_write
from pipelines.text.privacy import name_model
from pipelines.text.privacy.name_model import WordLists, features, read_word_lists, tokenise
from tests.name_model import word_lists


def split_bars(text: str) -> list[str]:
    """The phrases between bars."""
    return [" ".join(phrase.split()) for phrase in text.split("|")]


SENTENCES = Path(__file__).with_name("sentences.txt")
SEED = 17
TIMES = 30  # each made-up sentence
PARTS, HIDDEN = 5, 0.3  # of the sentences; of the names in each part
PUBLIC = 9000  # public sentences of each kind, at most
REGULARISATION = 1.0
LEAST_WEIGHT = 0.02  # smaller weights are left out
NAME_SLOTS = "nflr"
RENAMED = 14_000  # public sentences in which a name takes the place of a pronoun, at most
PRONOUN = re.compile(
    r"\b(?:[Hh]e|[Ss]he|[Hh]im|her(?= (?:to|that|about|and|if|when|for|on|in|at|but|a|the|i|is|was)\b|[.,!?]|$)"
    r"|(?P<owner>[Hh]is|[Hh]er(?= \w)))\b(?!')"
)
SLOT = re.compile(r"\{(\w+)\}")
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
        self.foreign = {kind: word_lists.faker_names(kind) for kind in ("first", "last")}
        common = set(" ".join(word_lists.common_words()).split())
        self.ambiguous = {  # Grace, Will, Dakota; Little, Crane, Bell
            "first": [name.title() for name in self.first[:2500] if name in common],
            "last": [name.title() for name in self.last[:6000] if name in common],
        }
        self.scripts = {kind: word_lists.faker_names(kind, word_lists.OTHER_SCRIPTS) for kind in ("first", "last")}
        self.cars, self.places = word_lists.vehicle_names(), word_lists.places()
        self.parts, self.firms = split_bars(PARTS_TALK), split_bars(FIRMS)
        self.codes = word_lists.code_descriptions()

    def pick(self, ranked: list[str]) -> str:
        """One of a list whose beginning is more frequent."""
        return ranked[min(int(len(ranked) * self.rng.random() ** 3), len(ranked) - 1)]

    def first_name(self) -> str:
        kind = self.rng.random()
        if kind < 0.1:
            return self.rng.choice(self.ambiguous["first"])
        name = self.rng.choice(self.foreign["first"]) if kind < 0.35 else self.pick(self.first).title()
        return f"{name}-{self.pick(self.first).title()}" if self.rng.random() < 0.02 else name

    def last_name(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind > 0.9:
            return rng.choice(self.ambiguous["last"])
        name = rng.choice(self.foreign["last"]) if rng.random() < 0.3 else self.pick(self.last).title()
        if kind < 0.03:
            return f"{name}-{self.pick(self.last).title()}"
        if kind < 0.06:
            return (
                rng.choice(
                    (
                        "de ",
                        "de la ",
                        "van ",
                        "von ",
                        "Van ",
                        "De ",
                        "del ",
                        "St. ",
                        "Al-",
                        "al ",
                        "bin ",
                        "El ",
                        "dos ",
                    )
                )
                + name
            )
        if kind < 0.08:
            return rng.choice(("O'", "D'", "O’")) + name
        return rng.choice(("Mc", "Mac")) + name if kind < 0.10 else name

    def full_name(self) -> str:
        rng = self.rng
        if rng.random() < 0.02:
            script = [name for name in (rng.choice(self.scripts["last"]), rng.choice(self.scripts["first"]))]
            return " ".join(reversed(script))
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
        middle = (
            f" {rng.choice('ABCDEFGHJKLMNPRSTW')}."
            if kind < 0.05
            else f" {rng.choice('ABCDEJLMRT')}"
            if kind < 0.08
            else f" {self.first_name()}"
            if kind < 0.11
            else ""
        )
        suffix = rng.choice((" Jr.", " Jr", " Sr.", " III", ", Jr.")) if 0.91 < kind < 0.93 else ""
        return f"{self.first_name()}{middle} {self.last_name()}{suffix}"

    def fill(self, slot: str) -> str:
        """A value of a slot."""
        rng = self.rng
        car = rng.choice(self.cars).split()
        values = {
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
            "firm": lambda: rng.choice(self.firms) if rng.random() < 0.6 else f"{self.pick(self.last).title()} {rng.choice((car[1], *FIRM_KINDS))}",
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


def join(first: Sentence, second: Sentence, mark: str) -> Sentence:
    """Two sentences as one text."""
    shift = len(first.text) + len(mark)
    return Sentence(first.text + mark + second.text, [*first.names, *((a + shift, b + shift) for a, b in second.names)])


def made_up(rng: random.Random) -> Iterator[Sentence]:
    """The sentences of `sentences.txt`, alone and in pairs."""
    filler = Filler(rng)
    lines = [line for line in SENTENCES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("# ")]
    for _ in range(TIMES):
        for line in lines:
            sentence = filler.sentence(line)
            if rng.random() < 0.35:
                sentence = join(
                    sentence, filler.sentence(rng.choice(lines)), rng.choice((". ", "\n", " ", ", ", " - "))
                )
            yield respell(sentence, rng)


def public(lists: WordLists, rng: random.Random) -> Iterator[Sentence]:
    """Sentences of posts and utterances whose names are certain, and texts on vehicles, which hold none."""
    posts = [line for post in word_lists.newsgroup_posts() for line in re.split(r"(?<=[.!?])\s+|\n", post)]
    for texts in (posts, word_lists.utterances()):
        for text in rng.sample(texts, min(3 * PUBLIC, len(texts))):
            if 2 < len(text.split()) < 60 and "@" not in text and (names := certain_names(text, lists)) is not None:
                yield Sentence(text, names)
    for texts in (word_lists.vehicle_names(), word_lists.code_descriptions()):
        for text in rng.sample(texts, min(PUBLIC, len(texts))):
            yield respell(Sentence(text, []), rng)
            yield Sentence(text.title(), [])


def renamed(lists: WordLists, rng: random.Random) -> Iterator[Sentence]:
    """Public sentences about "him" and "her", with a name for the pronoun: where people speak of people."""
    filler = Filler(rng)
    posts = [line for post in word_lists.newsgroup_posts() for line in re.split(r"(?<=[.!?])\s+|\n", post)]
    texts = [
        text
        for text in [*word_lists.utterances(), *posts]
        if PRONOUN.search(text) and "@" not in text and len(text) < 300
    ]
    for text in rng.sample(texts, min(RENAMED, len(texts))):
        if certain_names(text, lists) != []:
            continue
        changed, names, at = "", [], 0
        for match in PRONOUN.finditer(text):
            name = filler.fill(rng.choice("fffffnnl"))
            changed += text[at : match.start()]
            names.append((len(changed), len(changed) + len(name)))
            changed += name + ("'s" if match.lastgroup == "owner" else "")
            at = match.end()
        yield respell(Sentence(changed + text[at:], names), rng)


def certain_names(text: str, lists: WordLists) -> list[tuple[int, int]] | None:
    """The names in a public text: a frequent first name and a last name, capitalised; None if something is in doubt."""
    names, last_end, first = [], -1, None
    for token in tokenise(text):
        rank, common = lists.first.get(token.key, 0), lists.common.get(token.key, 0)
        capital = token.kind == "word" and token.text[0].isupper() and token.text[1:].islower()
        if first and capital and token.start == last_end + 1 and token.key in lists.last and not common:
            names.append((first.start, token.end))
            first = None
            continue
        if first:
            return None
        if rank >= 2 and not common:
            if not capital:
                return None
            first, last_end = token, token.end
        elif capital and token.start and token.key in lists.last and not common and token.key not in lists.domain:
            return None
    return None if first else names


def hide_names(lists: WordLists, rng: random.Random) -> WordLists:
    """The lists without some of the names."""
    first, last = (
        {word: rank for word, rank in sorted(names.items()) if rng.random() > HIDDEN}
        for names in (lists.first, lists.last)
    )
    return lists._replace(first=first, last=last)


def is_worth_learning(word: str, key: str, lists: WordLists) -> bool:
    """Whether the model will be asked about the word: as `name_model.is_candidate`."""
    named = key in lists.first or key in lists.last
    return named or not ((word.islower() or len(key) < 2) and (lists.common.get(key, 0) > 1 or key in lists.domain))


def train() -> dict[str, object]:
    """Word lists and weights, as `name_model.json` holds them."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    rng = random.Random(SEED)
    raw = word_lists.build_lists()
    lists = read_word_lists(raw)
    parts = [lists, *(hide_names(lists, rng) for _ in range(PARTS - 1))]
    rows: list[dict[str, float]] = []
    labels: list[bool] = []
    for sentence in [*made_up(rng), *public(lists, rng), *renamed(lists, rng)]:
        known = rng.choice(parts)
        tokens = tokenise(sentence.text)
        for at, token in enumerate(tokens):
            is_name = any(start <= token.start < end for start, end in sentence.names)
            if token.kind == "word" and (is_name or is_worth_learning(token.text, token.key, known)):
                rows.append(dict.fromkeys(features(tokens, at, known), 1.0))
                labels.append(is_name)
    vectors = DictVectorizer(dtype=np.float32)
    matrix = vectors.fit_transform(rows)
    seen = np.asarray(matrix.sum(axis=0)).ravel() >= 5  # a rare feature is chance, and makes the file large
    model = LogisticRegression(
        C=REGULARISATION, l1_ratio=1.0, solver="liblinear", fit_intercept=False, random_state=SEED
    )
    model.fit(matrix[:, seen], labels)
    names = vectors.get_feature_names_out()[seen]
    weights = {str(name): round(float(weight), 2) for name, weight in zip(names, model.coef_[0], strict=True)}
    print(f"{len(labels)} words, {sum(labels)} of names; accuracy on them {model.score(matrix[:, seen], labels):.4f}")
    return {"lists": raw, "weights": {name: weight for name, weight in weights.items() if abs(weight) >= LEAST_WEIGHT}}


def main() -> None:
    """Write the model beside the code that reads it."""
    model = train()
    with atomic_write(name_model.FILE) as temporary:
        temporary.write_text(json.dumps(model, ensure_ascii=False, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{name_model.FILE}: {name_model.FILE.stat().st_size / 1e6:.2f} MB, {len(model['weights'])} weights")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
