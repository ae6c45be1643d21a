"""Find names of people: the words that the model takes for one, as whole spans."""

import re
from collections.abc import Iterable, Iterator, Sequence

from pipelines.text.privacy.name_context import (
    ANNOUNCED,
    POSSIBLE,
    is_firm,
    is_french_title,
    is_initial_after_surname,
    is_surname_first,
    raise_announced,
    raise_surnames,
)
from pipelines.text.privacy.name_model import (
    LETTER,
    LETTERS,
    Token,
    WordLists,
    load_model,
    make_key,
    score_words,
    tokenise,
)
from pipelines.text.privacy.words import NEVER, PARTICLES, SUFFIXES, TITLES, word_set
from pipelines.text.spelling import correct

SURE = -0.5  # log-odds of a word that makes a name
ALONE, UNLISTED = 0.0, 0.5  # log-odds of a name of one word, and of one that is on no list or a word, too
ENGLISH = word_set("the and to my for with she you this that her his of from left here back on at acct cust")
CERTAIN = 4.0  # log-odds of a word that is a name though it may be a misspelt one
LONGER = 5  # letters of a word of which one may be wrong
NICKNAMES = word_set("big little lil ol")  # big Mike
JOINTS = re.compile(r" ?|\. |, (?=[JS]r\b)|-")  # what may stand between the words of one name
WORDS = re.compile(rf"{LETTERS}(?:['\u2019](?!s\b){LETTERS})*")  # of a name; a double one has two
WORD_BETWEEN = r"(?:(?!\w\W)[^\W\d_]+[^\w\n]{1,3})"
LETTERS_APART = re.compile(r"[^\W\d_][ -][^\W\d_][ -][^\W\d_][ -]")
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
    if LETTERS_APART.search(text):
        for match in SPELLED.finditer(text):
            yield *match.span("value"), 0.6
    tokens = tokenise(text)
    scores = score_words(tokens)
    spelled = [
        meant_word(token, score) if score > POSSIBLE else token for token, score in zip(tokens, scores, strict=True)
    ]
    if spelled != tokens:  # the words beside a misspelt one are judged by what it means, too
        tokens, scores = spelled, score_words(spelled)
    foreign = is_foreign(tokens)
    if foreign:
        cased = any(token.text[0].isupper() for token in tokens)
        scores = [
            min(score, SURE) if is_mere_word(token.key) or (cased and token.text.islower()) else score
            for token, score in zip(tokens, scores, strict=True)
        ]
    scores = raise_surnames(tokens, raise_announced(tokens, scores))
    if not any(score > SURE for score in scores):
        return
    for first, last in join_inverted(tokens, runs(text, tokens, scores)):
        if last > first and is_french_title(tokens, first, foreign):
            first += 1
        start, end = tokens[first].start, tokens[last].end
        if not any(start < other_end and other_start < end for other_start, other_end in taken):
            best = max(scores[first : last + 1])
            yield start, end, min(0.8, 0.5 + 0.05 * best)


def meant_word(token: Token, score: float) -> Token:
    """The token with the key of the everyday word that it is with a typing error: how mnay, the pricde.

    The word is in lower case and on no list of names. Two letters are swapped, or in a longer word one is wrong,
    missing or too many, unless the words around it leave no doubt that it is a name; words about cars count, too.
    """
    lists, _ = load_model()
    if not token.text.islower() or token.key in lists.first or token.key in lists.last:
        return token
    meant = correct(token.key)
    swapped = sorted(meant) == sorted(token.key)
    if meant == token.key or not (swapped or (len(meant) >= LONGER and score < CERTAIN)):
        return token
    return token._replace(key=meant) if lists.common.get(meant, 0) > 1 or meant in lists.domain else token


def is_foreign(tokens: Sequence[Token]) -> bool:
    """Whether a text has more everyday words of other languages than of English: its other words are no rare names.

    Where no word is English only, words of both ("a", "no", "service") do not count.
    """
    lists, _ = load_model()
    words = [token.key for token in tokens if token.kind == "word"]
    if lists.foreign.isdisjoint(words):
        return False
    foreign = sum(word in lists.foreign and word not in lists.common for word in words)
    english = [word for word in words if lists.common.get(word, 0) > 1]
    if ENGLISH.isdisjoint(words) and (foreign > 1 or any(not token.text.isascii() for token in tokens)):
        english = [word for word in english if word not in lists.foreign]
    return foreign > len(english)


def is_mere_word(key: str) -> bool:
    """Whether a word of a text in another language is an everyday one, or on no list of names."""
    lists, _ = load_model()
    return key in lists.foreign or not any(part in lists.first or part in lists.last for part in key.split("-"))


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
        if tokens[first].key in TITLES and last > first and tokens[first].text.istitle():
            first += 1 + (tokens[first + 1].key == ".")
        if first and tokens[first - 1].key in NICKNAMES and tokens[first - 1].end + 1 == tokens[first].start:
            first -= 1
        if not is_firm(tokens, first, last) and is_name(tokens[first : last + 1], scores[first : last + 1]):
            yield first, last


def join_inverted(tokens: Sequence[Token], names: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last token of each name, of which a surname, a comma and a first name are one: hernandez, jose."""
    before: tuple[int, int] | None = None
    for first, last in names:
        last += 2 * is_initial_after_surname(tokens, last)
        if before and is_surname_first(tokens, before, first):
            before = before[0], last
            continue
        if before:
            yield before
        before = first, last
    if before:
        yield before


def is_sure(token: Token, score: float) -> bool:
    """Whether a name may be built around a token."""
    return score > SURE and len(token.key) > 1 and not any(token.key in words for words in (NEVER, PARTICLES, SUFFIXES))


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
    if len(key) == 1 and at and tokens[at - 1].key == "#" and not tokens[beside].text[0].isupper():
        return False  # 12 V
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
    names = [word for word in words if len(word.rstrip(".")) > 1]
    thing = len(names) == 1 < len(words) and (names[0] in lists.common or names[0] in lists.domain)
    if not names or (thing and names[0] not in lists.first):
        return False  # initials only, or "Pedal D"
    if max(scores) < ANNOUNCED and all(word in lists.models and word not in lists.first for word in words):
        return False
    listed = any(word in lists.first or word in lists.last for word in words) and words[0] not in lists.common
    return len(words) > 1 or max(scores) > (ALONE if listed else UNLISTED)


def name_words(text: str) -> list[str]:
    """The words of a name."""
    return [token.text for token in tokenise(text) if token.kind == "word"]


def may_recur(name: str) -> bool:
    """Whether what was found as a name is one elsewhere, too: not "bill", "rose" or "Lincoln"."""
    if not name.isalpha():
        return True
    lists, _ = load_model()
    key = make_key(name, "word")
    thing = key in lists.domain or key in lists.models or (name.islower() and key in lists.common)
    return not thing


def may_recur_alone(word: str) -> bool:
    """Whether a word of a name that was found is that name elsewhere too: of Will Smith not "will"."""
    key = make_key(word, "word")
    return key not in NEVER and key not in PARTICLES and (word.istitle() or not load_model()[0].common.get(key))
