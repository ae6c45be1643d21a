"""Find names of people: the words that the model takes for one, as whole spans."""

import re
from collections.abc import Iterator, Sequence

from pipelines.text.privacy.name_model import (
    LETTER,
    LETTERS,
    Token,
    WordLists,
    load_model,
    make_key,
    score_words,
    shape,
    tokenise,
)
from pipelines.text.privacy.words import (
    ANNOUNCERS,
    CERTAIN_TITLES,
    FAMILY,
    FIRM_KINDS,
    MAKES,
    MONTHS,
    NAME_OWNERS,
    NEVER,
    PARTICLES,
    PLACE_PREFIXES,
    STATE_CODES,
    STATES,
    SUFFIXES,
    TITLES,
    word_set,
)

SURE, POSSIBLE = -0.5, -2.0  # log-odds: of a word that makes a name, and of one beside it that belongs to it
ANNOUNCED = 2.5  # log-odds of a word after a title or "my name is"
ALONE, UNLISTED = 0.0, 0.5  # log-odds of a name of one word, and of one that is on no list or a word, too
LISTED = 0.6  # log-odds of the words of "Washington, Cleotha"
SURNAME_COMES_AFTER = word_set(
    ": # - / ( cust customer owner buyer name of for on under guest driver insured recall compl"
) | {"\n"}
NICKNAMES = word_set("big little lil ol")  # big Mike
JOINTS = re.compile(r" ?|\. |, (?=[JS]r\b)|-")  # what may stand between the words of one name
MODEL_YEAR = re.compile(r"(?:19[5-9]|20[0-3])\d")
WORDS = re.compile(rf"{LETTERS}(?:['\u2019](?!s\b){LETTERS})*")  # of a name; a double one has two
WORD_BETWEEN = r"(?:(?!\w\W)[^\W\d_]+[^\w\n]{1,3})"
SPELLED = re.compile(  # "that's h o p e", "Hatcher, H-A-T-C-H-E-R"
    r"(?:\b(?:spell(?:ed|ing|s)?|that(?:'|\u2019)?s|name(?: is)?|as in)\b[^\w\n]{1,3}"
    rf"{WORD_BETWEEN}{{0,2}}|(?<=\w, ))(?P<value>{LETTER}(?:([ -]){LETTER}(?=\W|$)){{3,}})",
    re.I,
)


def find_names(text: str, taken: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[int, int, float]]:
    """The names in a text: start, end, and a score from 0.5 to 0.8.

    Args:
        taken: spans of other personal data, in order, in which no name is sought.
    """
    for match in SPELLED.finditer(text):
        yield *match.span("value"), 0.6
    tokens = tokenise(text)
    scores = score_words(tokens)
    if is_foreign(tokens):
        scores = [
            min(score, SURE) if is_mere_word(token.key) else score for token, score in zip(tokens, scores, strict=True)
        ]
    scores = raise_surnames(tokens, raise_announced(tokens, scores))
    if not any(score > SURE for score in scores):
        return
    for first, last in runs(text, tokens, scores):
        start, end = tokens[first].start, tokens[last].end
        if not any(start < other_end and other_start < end for other_start, other_end in taken):
            best = max(scores[first : last + 1])
            yield start, end, min(0.8, 0.5 + 0.05 * best)


def is_foreign(tokens: Sequence[Token]) -> bool:
    """Whether a text has more everyday words of other languages than of English: its other words are no rare names."""
    lists, _ = load_model()
    words = [token.key for token in tokens if token.kind == "word"]
    foreign = sum(word in lists.foreign and word not in lists.common for word in words)
    return foreign > sum(lists.common.get(word, 0) > 1 for word in words)


def is_mere_word(key: str) -> bool:
    """Whether a word of a text in another language is an everyday one, or on no list of names."""
    lists, _ = load_model()
    return key in lists.foreign or not any(part in lists.first or part in lists.last for part in key.split("-"))


def raise_announced(tokens: Sequence[Token], scores: list[float]) -> list[float]:
    """The scores, raised where a title or "my name is" leaves no doubt; none for a brand and the month of a date."""
    lists, _ = load_model()
    keys = [token.key for token in tokens]
    for at, key in enumerate(keys):
        if scores[at] > POSSIBLE - 1 and (
            is_phrase(keys, at, lists.phrases)
            or is_town(tokens, keys, at, lists)
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
        last, comma, first = tokens[at : at + 3]
        if comma.key != "," or last.kind != "word" or not last.text[0].isupper() or not first.text[0].isupper():
            continue
        begins = at == 0 or tokens[at - 1].key in SURNAME_COMES_AFTER
        known = first.key in lists.first and first.key not in STATES and first.text not in STATE_CODES
        thing = last.key in lists.common or last.key in lists.domain or last.key in NEVER or last.key in lists.towns
        if begins and known and not thing:
            scores[at], scores[at + 2] = max(scores[at], LISTED), max(scores[at + 2], LISTED)
    return scores


def find_announced(keys: list[str], at: int) -> int:
    """Where the word stands that keys[at], a title or "name", announces; 0 if it announces none."""
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


def runs(text: str, tokens: Sequence[Token], scores: Sequence[float]) -> Iterator[tuple[int, int]]:
    """First and last token of each name."""
    at = 0
    while at < len(tokens):
        if not is_sure(tokens[at], scores[at]):
            at += 1
            continue
        first = at
        while first and belongs(text, tokens, scores, first - 1, first):
            first -= 1
        last = at
        while last + 1 < len(tokens) and belongs(text, tokens, scores, last + 1, last):
            last += 1
        at = last + 1
        first, last = trim(tokens, first, last)
        if first and tokens[first - 1].key in NICKNAMES and tokens[first - 1].end + 1 == tokens[first].start:
            first -= 1
        if not is_firm(tokens, first, last) and is_name(tokens[first : last + 1], scores[first : last + 1]):
            yield first, last


def is_sure(token: Token, score: float) -> bool:
    """Whether a name may be built around a token."""
    return score > SURE and not any(token.key in words for words in (NEVER, PARTICLES, SUFFIXES))


def belongs(text: str, tokens: Sequence[Token], scores: Sequence[float], at: int, beside: int) -> bool:
    """Whether tokens[at] is part of the name of which tokens[beside], next to it, is one end."""
    token, low, high = tokens[at], min(at, beside), max(at, beside)
    if token.kind != "word" or not JOINTS.fullmatch(text[tokens[low].end : tokens[high].start]):
        return False
    key = token.key
    if key in NEVER:
        return False
    if key in PARTICLES and scores[at] <= POSSIBLE:  # de la Cruz: if a name follows
        beyond = at + (1 if at > beside else -1)
        return 0 <= beyond < len(tokens) and (
            is_sure(tokens[beyond], scores[beyond])
            or (tokens[beyond].key in PARTICLES and belongs(text, tokens, scores, beyond, at))
        )
    if key in PARTICLES or key in SUFFIXES or token.text[-1] == "." or len(key) == 1:
        return scores[at] > POSSIBLE or token.text[0].isupper() or (token.text[-1] == "." and at < beside)  # t.j. tate
    lists, _ = load_model()
    if at > beside and is_surname_of_a_make(tokens, at, lists):
        return True
    if lists.common.get(key, 0) > 1 or key in lists.domain:
        return scores[at] > 0
    listed = key in (lists.first if at < beside else lists.last)
    return scores[at] > (POSSIBLE - 1 if listed else POSSIBLE)


def is_surname_of_a_make(tokens: Sequence[Token], at: int, lists: WordLists) -> bool:
    """Whether a make or model after a first name is that person's surname: "bernard dodge, and he drives a ram"."""
    token, before, after = tokens[at], tokens[at - 1], tokens[at + 1 : at + 2]
    drives = bool(after) and (after[0].key in lists.models or after[0].key == "#")
    return (
        token.key in lists.last
        and token.key in lists.models
        and lists.first.get(before.key, 0) > 1
        and token.text.istitle() == before.text.istitle()
        and not drives
    )


def trim(tokens: Sequence[Token], first: int, last: int) -> tuple[int, int]:
    """A name without particles at its end."""
    while last > first and tokens[last].key in PARTICLES:
        last -= 1
    return first, last


def is_name(tokens: Sequence[Token], scores: Sequence[float]) -> bool:
    """Whether the words together are a name: no brand, no names of vehicles only."""
    lists, _ = load_model()
    words = [token.key for token in tokens]
    if all(len(word.rstrip(".")) == 1 for word in words):
        return False
    if max(scores) < ANNOUNCED and all(word in lists.models and word not in lists.first for word in words):
        return False
    listed = any(word in lists.first or word in lists.last for word in words) and words[0] not in lists.common
    return len(words) > 1 or max(scores) > (ALONE if listed else UNLISTED)


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


def name_words(text: str) -> list[str]:
    """The words of a name."""
    return [token.text for token in tokenise(text) if token.kind == "word"]


def may_recur_alone(word: str) -> bool:
    """Whether a word of a name that was found is that name elsewhere too: of Will Smith not "will"."""
    key = make_key(word, "word")
    return key not in NEVER and key not in PARTICLES and (word.istitle() or not load_model()[0].common.get(key))
