"""The model of people's names: a logistic regression over each word, its spelling and the two words on either side.

The scores are sums of weights that depend on one or two words, so that each is looked up, not computed: a text takes
tens of microseconds. `name_model.json` holds the weights and the word lists; `training.train` makes it.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("name_model.json")
CACHED_WORDS = 50_000  # of each cache below; a larger one would grow with the data

VOWEL = re.compile(r"[aeiouy]|[^a-z]")
LETTER = r"[^\W\d_][\u0300-\u036f]*"
LETTERS = r"[^\W\d_]+(?:[\u0300-\u036f]+[^\W\d_]*)*"  # with accents of their own, as some systems write them
WORD = rf"{LETTERS}(?:['\u2019\u2010-](?!s\b){LETTERS})*"
TOKEN = re.compile(
    rf"(?P<word>{WORD})(?!\w|(?<=\b\w)\.)|(?P<initial>(?<!\w){LETTER}\.)|(?P<mask><[A-Z_]+>)|(?P<code>\w+(?:[.,/-]\w+)*)"
    r"|(?P<mark>['\u2019]s\b|[^\w\s]|\n)"
)
KIND = {"initial": "word"} | {kind: kind for kind in ("mask", "word", "code", "mark")}
FLAT = str.maketrans("ıłŁøØđĐßæÆœŒðÐþÞ\u2019\u2010", "ilLoOdDsaAoOdDtT'-")


class Token(NamedTuple):
    """A word, number, punctuation mark, line break, or mask of a text."""

    text: str
    start: int
    end: int
    kind: str  # word, code, mark or mask
    key: str  # what the model knows it by: the word in lower case without accents, #, or the mark


def tokenise(text: str) -> list[Token]:
    """The tokens of a text."""
    tokens = []
    for match in TOKEN.finditer(text):
        word, kind = match.group(), KIND[match.lastgroup or ""]
        tokens.append(Token(word, match.start(), match.end(), kind, make_key(word, kind)))
    return tokens


@lru_cache(CACHED_WORDS)
def make_key(text: str, kind: str) -> str:
    """What the model knows a token by."""
    if kind == "code":
        return "#"
    if text[-1] == "." and len(text) == 2:
        return "J." if text.isupper() else text
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFD", text.translate(FLAT).lower())
    return "".join(c for c in plain if not unicodedata.combining(c)) or text


class WordLists(NamedTuple):
    """How common each word is: 1 is the least common class."""

    first: dict[str, int]  # first names: 3 frequent in the US, 2 less, 1 rare or of other countries
    last: dict[str, int]  # last names, likewise
    common: dict[str, int]  # words of everyday English in lower case: 1 to 4
    classes: dict[str, int]  # words that stand between the same neighbours have the same number
    foreign: frozenset[str]  # everyday words of other languages
    domain: frozenset[str]  # makes, models, parts, codes, brands: what is said of cars
    models: frozenset[str]  # makes and models only
    phrases: frozenset[str]  # pairs of words that name a vehicle or a brand: aston_martin
    towns: frozenset[str]  # whole names of towns: lake_oswego
    places: frozenset[str]  # words of US towns and states


def read_word_lists(lists: dict[str, list[str]]) -> WordLists:
    """Word lists from JSON: of each a list of classes, in which words are separated by blanks."""

    def ranked(name: str) -> dict[str, int]:
        return {word: rank for rank, words in enumerate(lists[name], 1) for word in words.split()}

    def words(name: str) -> frozenset[str]:
        return frozenset(" ".join(lists[name]).split())

    return WordLists(
        first=ranked("first"),
        last=ranked("last"),
        common=ranked("common"),
        classes=ranked("classes"),
        foreign=words("foreign"),
        domain=words("domain"),
        models=words("models"),
        phrases=words("phrases"),
        towns=words("towns"),
        places=words("places"),
    )


@cache
def load_model() -> tuple[WordLists, dict[str, float]]:
    """The word lists and the weight of each feature."""
    model = json.loads(FILE.read_text(encoding="utf-8"))
    return read_word_lists(model["lists"]), model["weights"]


@lru_cache(CACHED_WORDS)
def shape(word: str) -> str:
    """a lower, A capitalised, AA in capitals, aA mixed, I one capital, x without case."""
    if word.islower():
        return "a"
    if len(word) == 1 or word[-1] == ".":
        return "I" if word.isupper() else "x"
    if word.isupper():
        return "AA"
    return (
        ("A" if word[1:].islower() or word.istitle() else "aA")
        if word[0].isupper()
        else "x"
        if word.lower() == word.upper()
        else "aA"
    )


def describe(key: str, lists: WordLists) -> str:
    """The lists that a word is on, as a short label: f3l1c2d."""
    if not key[0].isalpha():
        return key
    parts = key.split("-") if "-" in key else [key]
    first = max(lists.first.get(part, 0) for part in parts)
    last = max(lists.last.get(part, 0) for part in parts)
    common = lists.common.get(key, 0)
    if len(parts) > 1 and not first:  # re-inspected
        common = max(common, *(lists.common.get(part, 0) or (part in lists.domain) for part in parts))
    domain = "d" if key in lists.domain else ""
    place = "p" if key in lists.places else ""
    foreign = "o" if key in lists.foreign else ""
    return f"f{first}l{last}c{common}{domain}{place}{foreign}"


def own_features(word: str, key: str, label: str, number: int) -> list[str]:
    """Features of a word by itself; `number` is its class."""
    form = shape(word)
    features = ["bias", f"s={form}", f"w={label}", f"sw={form} {label}", f"len={min(len(key), 9)}", f"c={number}"]
    if label.startswith("f0") or "c3" in label or "c4" in label:  # not what is a first name now and then
        features.append(f"k={key}")
    if not VOWEL.search(key):
        features.append(f"novowel {form}")
    if "c0" in label:  # not a common word: its spelling tells
        listing = "u" if label.startswith("f0l0") else "n"
        padded = f"^{key}$"
        features += [f"g{listing}={padded[i : i + 3]}" for i in range(len(padded) - 2)]
        features += [f"e{listing}={padded[-size:]}" for size in (4, 5)]
    return features


def side_features(side: str, key: str, label: str, form: str, number: int) -> list[str]:
    """Features of a neighbour.

    Args:
        side: "-1" is the word before, "+2" the second one after.
        form: the shape of the word in question.
        number: the neighbour's class.
    """
    seen_key = key if label == key or "c0" not in label or "d" in label else "?"
    return [f"{side}k={seen_key}", f"{side}kf={seen_key} {form}", f"{side}w={label}", f"{side}c={number}"]


def pair_features(side: str, key: str, label: str, own: str, form: str) -> list[str]:
    """Features of a neighbour and the lists that the word in question is on."""
    coarse = own.replace("f1", "f2").replace("l1", "l2")
    return [f"{side}wo={label} {coarse} {form}", f"{side}ko={key} {coarse}"]


def between_features(before: int | str, after: int | str, form: str) -> list[str]:
    """Features of the classes of the words on either side."""
    return [f"cc={before} {after}", f"ccf={before} {after} {form}"]


def features(tokens: Sequence[Token], at: int, lists: WordLists) -> list[str]:
    """All features of tokens[at]: what training sees, and what `score` sums the weights of."""
    word = tokens[at]
    own, form = describe(word.key, lists), shape(word.text)
    active = own_features(word.text, word.key, own, lists.classes.get(word.key, 0))
    for offset, side in ((-2, "-2"), (-1, "-1"), (1, "+1"), (2, "+2")):
        key, neighbour = edge_key(tokens, at + offset), shape_at(tokens, at + offset)
        label = describe(key, lists) + neighbour
        active += side_features(side, key, label, form, lists.classes.get(key, 0))
        if abs(offset) == 1:
            active += pair_features(side, key, label, own, form)
    before, after = edge_key(tokens, at - 1), edge_key(tokens, at + 1)
    active += between_features(lists.classes.get(before, before), lists.classes.get(after, after), form)
    active.append(f"-21={edge_key(tokens, at - 2)} {edge_key(tokens, at - 1)}")
    return active


def edge_key(tokens: Sequence[Token], at: int) -> str:
    """The key of a token; that of a line break beyond either end."""
    return tokens[at].key if 0 <= at < len(tokens) else "\n"


def shape_at(tokens: Sequence[Token], at: int) -> str:
    """The shape of a word; "" of anything else."""
    return shape(tokens[at].text) if 0 <= at < len(tokens) and tokens[at].kind == "word" else ""


@lru_cache(CACHED_WORDS)
def describe_word(key: str) -> str:
    """`describe` by the lists of the model."""
    return describe(key, load_model()[0])


def is_candidate(word: str, key: str) -> bool:
    """Whether a word can be part of a name at all: not one of everyday English in lower case that is no name too."""
    lists, _ = load_model()
    named = key in lists.first or key in lists.last
    return named or not ((word.islower() or len(key) < 2) and (lists.common.get(key, 0) > 1 or key in lists.domain))


@lru_cache(CACHED_WORDS)
def own_score(word: str, key: str) -> float:
    """The sum of the weights of `own_features`; -inf of what cannot be part of a name."""
    if not is_candidate(word, key):
        return float("-inf")
    return sum_weights(own_features(word, key, describe_word(key), load_model()[0].classes.get(key, 0)))


@lru_cache(4 * CACHED_WORDS)
def side_score(side: str, key: str, neighbour: str, own: str, form: str) -> float:
    """The sum of the weights of `side_features` and `pair_features`; `neighbour` is the shape of the neighbour."""
    label = describe_word(key) + neighbour
    active = side_features(side, key, label, form, load_model()[0].classes.get(key, 0))
    return sum_weights(active + pair_features(side, key, label, own, form) if side in ("-1", "+1") else active)


@lru_cache(4 * CACHED_WORDS)
def between_score(before: str, after: str, form: str) -> float:
    """The sum of the weights of `between_features`."""
    number = load_model()[0].classes.get
    return sum_weights(between_features(number(before, before), number(after, after), form))


@lru_cache(CACHED_WORDS)
def bigram_score(before: str, last: str) -> float:
    """The weight of the two words before."""
    return sum_weights([f"-21={before} {last}"])


def sum_weights(active: list[str]) -> float:
    """The sum of the weights of features."""
    weight = load_model()[1].get
    return sum(weight(feature, 0.0) for feature in active)


def score_words(tokens: Sequence[Token]) -> list[float]:
    """The log-odds that each token is part of a name; -inf of what cannot be."""
    scores = [own_score(token.text, token.key) if token.kind == "word" else float("-inf") for token in tokens]
    candidates = [at for at, score in enumerate(scores) if score > float("-inf")]
    if not candidates:
        return scores
    keys = ["\n", "\n", *[token.key for token in tokens], "\n", "\n"]
    shapes = ["", "", *[shape(token.text) if token.kind == "word" else "" for token in tokens], "", ""]
    for at in candidates:
        i = at + 2
        own, form = describe_word(keys[i]), shapes[i]
        scores[at] += (
            side_score("-1", keys[i - 1], shapes[i - 1], own, form)
            + side_score("+1", keys[i + 1], shapes[i + 1], own, form)
            + side_score("-2", keys[i - 2], shapes[i - 2], "", form)
            + side_score("+2", keys[i + 2], shapes[i + 2], "", form)
            + between_score(keys[i - 1], keys[i + 1], form)
            + bigram_score(keys[i - 2], keys[i - 1])
        )
    return scores
