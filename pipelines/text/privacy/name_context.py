"""What the words around a name say, which a model of single words cannot: titles, firms, vehicles and towns."""

import re
from collections.abc import Sequence

from pipelines.text.privacy.name_model import Token, WordLists, load_model, shape
from pipelines.text.privacy.words import (
    ANNOUNCERS,
    CERTAIN_TITLES,
    COUNTRIES,
    FAMILY,
    FIRM_KINDS,
    MAKES,
    MONTHS,
    NAME_LABELS,
    NAME_OWNERS,
    NEVER,
    PARTICLES,
    PLACE_PREFIXES,
    STATE_CODES,
    STATES,
    TITLES,
    word_set,
)

POSSIBLE = -2.0  # log-odds of a word beside a name that belongs to it
ANNOUNCED = 2.5  # log-odds of a word after a title or "my name is"
LISTED = 0.6  # log-odds of the words of "Washington, Cleotha"
SURNAME_COMES_AFTER = word_set(
    ": # - / ( cust customer owner buyer name of for on under guest driver insured recall compl"
) | {"\n"}
FRENCH_ACCENT = re.compile(r"[àâçèêëîïôûœ]", re.I)  # é is of Spanish names, too
MODEL_YEAR = re.compile(r"(?:19[5-9]|20[0-3])\d")


def raise_announced(tokens: Sequence[Token], scores: list[float]) -> list[float]:
    """The scores, raised where a title or "my name is" leaves no doubt; none for a brand and the month of a date."""
    lists, _ = load_model()
    keys = [token.key for token in tokens]
    for at, key in enumerate(keys):
        if scores[at] > POSSIBLE - 1 and (
            is_phrase(keys, at, lists.phrases)
            or is_town(tokens, keys, at, lists)
            or key in COUNTRIES
            or is_made_in(keys, at)
            or (key in MONTHS and keys[at + 1 : at + 2] == ["#"])
            or (key in lists.models and at and MODEL_YEAR.fullmatch(tokens[at - 1].text))
        ):
            scores[at] = float("-inf")
        elif key in ANNOUNCERS and (name := find_announced(keys, at)) and may_be_announced(tokens[name], key, lists):
            scores[name] = max(scores[name], ANNOUNCED)
    return scores


def raise_surnames(tokens: Sequence[Token], scores: list[float]) -> list[float]:
    """The scores, raised where a surname stands before a comma and a first name: "RO 118204 WASHINGTON, CLEOTHA"."""
    lists, _ = load_model()
    for at in range(len(tokens) - 2):
        if tokens[at + 1].key != ",":
            continue
        last, _, first = tokens[at : at + 3]
        if last.kind != "word" or not last.text[0].isupper() or not first.text[0].isupper():
            continue
        begins = at == 0 or tokens[at - 1].key in SURNAME_COMES_AFTER
        if begins and last.key in lists.last and is_initial_after_surname(tokens, at):
            scores[at] = max(scores[at], LISTED)
            continue
        listed = first.key in lists.first and first.key not in STATES and first.text not in STATE_CODES
        thing = last.key in lists.common or last.key in lists.domain or last.key in NEVER or last.key in lists.towns
        if begins and scores[at] > ANNOUNCED and is_rare(first.key, lists):
            scores[at + 2] = max(scores[at + 2], LISTED)
        elif begins and listed and not thing:
            scores[at], scores[at + 2] = max(scores[at], LISTED), max(scores[at + 2], LISTED)
    return scores


def is_surname_first(tokens: Sequence[Token], surname: tuple[int, int], first: int) -> bool:
    """Whether a name of surnames only and the one after it, from tokens[first], are one: "hernandez, jose"."""
    if first != surname[1] + 2 or tokens[first - 1].key != "," or tokens[first].start != tokens[first - 1].end + 1:
        return False
    lists, _ = load_model()
    surnames = [token.key for token in tokens[surname[0] : surname[1] + 1] if token.key not in PARTICLES]
    first_name = tokens[first].key
    initial = len(first_name.rstrip(".")) == 1
    return (
        initial or is_rare(first_name, lists) or lists.first.get(first_name, 0) >= max(1, lists.last.get(first_name, 0))
    ) and all(lists.last.get(key, 0) >= max(1, lists.first.get(key, 0)) for key in surnames)


def is_french_title(tokens: Sequence[Token], at: int, foreign: bool) -> bool:
    """Whether "M." is Monsieur: in a text in another language, or before a name with accents of French."""
    return tokens[at].text == "M." and (foreign or FRENCH_ACCENT.search(tokens[at + 1].text) is not None)


def is_rare(key: str, lists: WordLists) -> bool:
    """Whether a word is on no list: of names, places, cars or everyday words."""
    return (
        key.isalpha()
        and not any(key in words for words in lists[:3])
        and not any(key in words for words in (lists.foreign, lists.domain, lists.places, NEVER))
    )


def is_initial_after_surname(tokens: Sequence[Token], at: int) -> bool:
    """Whether an initial follows tokens[at], which may be a surname: "CUST GARZA, J" and "S/A: Kowalski, B."."""
    if at + 2 >= len(tokens) or tokens[at + 1].key != ",":
        return False
    lists, _ = load_model()
    surname, initial = tokens[at].key, tokens[at + 2].text
    thing = any(surname in words for words in (lists.common, lists.domain, lists.towns, NEVER))
    alone = len(initial.rstrip(".")) == 1 and initial.isupper() and initial not in ("A", "I")
    return alone and (surname in lists.last or not thing)


def find_announced(keys: list[str], at: int) -> int:
    """Where the word stands that keys[at], a title or "name", announces; 0 if it announces none."""
    if keys[at] in NAME_LABELS:  # First: Darius
        begins = at == 0 or keys[at - 1] == "\n"
        return at + 2 if begins and keys[at + 1 : at + 2] == [":"] and at + 2 < len(keys) else 0
    if keys[at] in TITLES:
        name = at + 2 if keys[at + 1 : at + 2] == ["."] else at + 1
        return name if name < len(keys) and (at == 0 or keys[at - 1] != "#") else 0  # not "20 ms delay"
    name = at + 2 if keys[at + 1 : at + 2] and keys[at + 1] in (":", "is", "was", "'s", "\u2019s") else at + 1
    return name if name < len(keys) and at and keys[at - 1] in NAME_OWNERS else 0


def may_be_announced(token: Token, announcer: str, lists: WordLists) -> bool:
    """Whether a word after a title or "my name is" is a name: not "miss the turn", "coach seats", "my name is on"."""
    common = lists.common.get(token.key, 0)
    if (
        token.kind != "word"
        or token.key in NEVER
        or (common and token.key not in lists.last and token.key not in lists.first)
    ):
        return False
    if announcer in TITLES:
        return common < (4 if announcer in CERTAIN_TITLES else 2) and shape(token.text) != "aA"
    return common < 3 + token.text.istitle() + (lists.first.get(token.key, 0) > 1)


def is_phrase(keys: list[str], at: int, phrases: frozenset[str]) -> bool:
    """Whether a word and the next one, or the one before, name a vehicle or a brand."""
    if "-" in keys[at] and keys[at].replace("-", "_") in phrases:  # Harley-Davidson
        return True
    after, before = at + 1, at - 1
    if keys[after : after + 1] == ["&"]:  # Vance & Hines
        after += 1
    if at > 1 and keys[before] == "&":
        before -= 1
    return (after < len(keys) and f"{keys[at]}_{keys[after]}" in phrases) or (
        before >= 0 and f"{keys[before]}_{keys[at]}" in phrases
    )


def is_made_in(keys: Sequence[str], at: int) -> bool:
    """Whether a word is where a vehicle is built: "plant Ramos Arizpe", "its plant is in Vance", "built in Flint"."""
    return any(
        keys[before - 1 : before] == ["plant"]
        or keys[before - 3 : before] == ["plant", "is", "in"]
        or keys[before - 2 : before] == ["built", "in"]
        for before in (at, at - 1)
        if before > 0
    )


def is_town(tokens: Sequence[Token], keys: Sequence[str], at: int, lists: WordLists) -> bool:
    """Whether a word is part of a town's name: of two words, such as St. Louis, or with its state: Anna, Ohio."""
    before = at - 2 if at > 1 and keys[at - 1] == "." else at - 1
    after = at + 2 if keys[at + 1 : at + 2] == ["."] else at + 1
    if before >= 0 and keys[before] in PLACE_PREFIXES and f"{keys[before]}_{keys[at]}" in lists.towns:
        return True
    if keys[at] in PLACE_PREFIXES and after < len(keys) and f"{keys[at]}_{keys[after]}" in lists.towns:
        return True
    for first, last in ((at, at), (at - 1, at), (at, at + 1)):
        state = last + 2 if keys[last + 1 : last + 2] == [","] else last + 1
        named = first > 0 and lists.first.get(keys[first - 1], 0) > 1  # Bob Jackson, Ohio
        if first >= 0 and not named and state < len(keys) and "_".join(keys[first : last + 1]) in lists.towns:
            code = tokens[state].text in STATE_CODES and not tokens[at].text.isupper()  # not SHARON OR PAT
            if code or keys[state] in STATES:
                return True
    return False


def is_firm(tokens: Sequence[Token], first: int, last: int) -> bool:
    """Whether a name is the beginning of a firm's: Smith & Sons, Baker Collision, Jim Koons Ford, Al's Towing."""
    after = [token.key for token in tokens[last + 1 : last + 4]] + ["", "", ""]
    if after[0] in ("'s", "\u2019s"):
        after = [*after[1:], ""]
    if after[0] in ("&", "and"):
        return after[1] in FAMILY and after[0] == "&"
    following = [*tokens[last + 1 : last + 4]]
    if last > first and tokens[last].key in FIRM_KINDS and tokens[last].key not in load_model()[0].first:
        return True
    if after[0] in FIRM_KINDS or (
        after[1] in FIRM_KINDS and following[0].text.istitle() and tokens[last].text.istitle()
    ):
        return True
    sold = after[0] in MAKES and last > first and tokens[first].text.istitle() and following[0].text.istitle()
    return sold and after[1] != "#" and after[1] not in load_model()[0].models  # not "Dan Whitfield Honda Civic"
