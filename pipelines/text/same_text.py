"""Decide whether two texts say the same: in other words, spelling, units or order, but with the same facts."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise

from pipelines.text.normal_form import (
    NUMBER,
    PROTECTED,
    SYMBOL,
    WORD,
    Token,
    comparable_word,
    make_tokens,
    read_tokens,
    split_segments,
)
from pipelines.text.spelling import is_known, is_misspelling, is_misspelt_filler, is_slip
from pipelines.text.word_lists import COMPOUNDS

COMPOUND_UNITS = frozenset(COMPOUNDS)
SLIP_WORDS = 2  # words that two texts share, from which one other word may be a slip
SHORT_WORDS = 4  # words of an answer that is a fact by itself: "Red", "front-wheel drive"


class Text:
    """A text and its normal form, which is computed when it is first needed."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def tokens(self) -> list[Token]:
        """Its tokens, in order."""
        return read_tokens(self.text)

    @cached_property
    def segments(self) -> list[list[Token]]:
        """Its tokens by sentence, clause or field."""
        return split_segments(self.text)

    @cached_property
    def numbers(self) -> Counter[str]:
        """Its numbers and codes, and how often each occurs."""
        return Counter(token.text for token in self.tokens if token.kind == NUMBER)

    @cached_property
    def sorted_numbers(self) -> list[str]:
        """Its numbers and codes, sorted."""
        return sorted(token.text for token in self.tokens if token.kind == NUMBER)

    @cached_property
    def unknown(self) -> frozenset[str]:
        """Those of its words that are in no vocabulary, and may be misspelt."""
        return frozenset(text for text, token in self.words.items() if not is_known(token.spelling))

    @cached_property
    def facts(self) -> set[str]:
        """Its numbers, codes, negations and opposites."""
        return {token.text for token in self.tokens if token.kind in (NUMBER, PROTECTED)}

    @cached_property
    def words(self) -> dict[str, Token]:
        """Its words: normal form → token."""
        return {token.text: token for token in self.tokens if token.kind in (WORD, PROTECTED)}

    @cached_property
    def compounds(self) -> bool:
        """Whether one of its words is a unit of several words, such as mpg."""
        return not COMPOUND_UNITS.isdisjoint(self.words)

    @cached_property
    def symbols(self) -> set[str]:
        """Its symbols that are no unit."""
        return {token.text for token in self.tokens if token.kind == SYMBOL}

    @cached_property
    def names(self) -> set[str]:
        """The spellings of words that have a capital inside a sentence: names of people, makes and models."""
        return set(find_names(self.text))


def find_names(text: str) -> Iterator[str]:
    """The words with a capital that do not begin a sentence, in lower case; of a text in capitals: none."""
    words = text.split()
    for before, word in pairwise(words):
        letters = word.strip(".,;:!?'\"()[]|")
        if letters[:1].isupper() and before[-1:] not in ".!?:|" and not before.isupper():
            yield letters.casefold().removesuffix("'s")


class Difference:
    """The words of two texts that are not in the other, after misspellings of the same word are matched.

    Attributes:
        left, right: the words of either text that the other lacks.
        shared: how many words both have.
    """

    def __init__(self, left: Text, right: Text) -> None:
        words, other_words = expand_compounds(left.words, right.words), expand_compounds(right.words, left.words)
        self.left = [token for word, token in words.items() if word not in other_words]
        self.right = [token for word, token in other_words.items() if word not in words]
        self.shared = len(words) - len(self.left)
        if self.left and self.right:
            self.match(is_same_word)
        if len(self.left) == len(self.right) == 1 and self.shared >= SLIP_WORDS:
            names = left.names | right.names
            self.match(lambda one, other: is_slip_of(one, other, names))
        if self.left and self.right:
            self.match_joined(self.left, self.right)
            self.match_joined(self.right, self.left)
        shared = [token for word, token in words.items() if word in other_words]
        self.left, self.right = (
            [token for token in side if not is_misspelt(token, shared)] for side in (self.left, self.right)
        )

    def match(self, equal: Callable[[Token, Token], bool]) -> None:
        """Take a word of the left and a word of the right that are the same for shared."""
        for one in list(self.left):
            other = next((other for other in self.right if equal(one, other)), None)
            if other:
                self.left.remove(one)
                self.right.remove(other)
                self.shared += 1

    def match_joined(self, apart: list[Token], joined: list[Token]) -> None:
        """Take two words for shared if the other text writes them as one: head light, headlight."""
        for word in list(joined):
            for first, second in pairwise(apart):
                if first.spelling + second.spelling == word.spelling:
                    joined.remove(word)
                    apart.remove(first)
                    apart.remove(second)
                    self.shared += 1
                    break

    @property
    def similarity(self) -> float:
        """The Jaccard similarity of the words, 0 to 1."""
        words = self.shared + len(self.left) + len(self.right)
        return self.shared / words if words else 1.0

    def has_protected(self) -> bool:
        """Whether a word that makes another fact is in one text only."""
        return any(token.kind == PROTECTED for token in (*self.left, *self.right))

    def has_replaced_word(self) -> bool:
        """Whether a word stands for another: either text has one that the other lacks."""
        return bool(self.left and self.right)


def expand_compounds(words: dict[str, Token], other: dict[str, Token]) -> dict[str, Token]:
    """The words, with a compound unit (mpg) as its words if the other text has one of them, but not the compound."""
    compounds = words.keys() & COMPOUNDS.keys() - other.keys()
    for compound in compounds:
        parts = {part.text: part for name in COMPOUNDS[compound] for part in make_tokens(name)}
        if parts.keys() & other.keys():
            words = parts | {word: token for word, token in words.items() if word != compound}
    return words


def is_misspelt(token: Token, shared: list[Token]) -> bool:
    """Whether a word is probably misspelt: a word that says nothing, or one that both texts have."""
    if token.kind != WORD or is_known(token.spelling):
        return False
    return is_misspelt_filler(token.spelling) or any(is_same_word(token, other) for other in shared)


def is_slip_of(one: Token, other: Token, names: set[str]) -> bool:
    """Whether a word that is no name stands for another by a slip."""
    return not {one.spelling, other.spelling} & names and is_slip(one.spelling, other.spelling)


def is_same_word(one: Token, other: Token) -> bool:
    """Whether one of two words is probably the other, misspelt: in singular or plural, or a synonym of it."""
    if is_known(one.spelling) and is_known(other.spelling):
        return False
    return (
        is_misspelling(one.spelling, other.spelling)
        or is_misspelling(one.spelling.removesuffix("s"), other.spelling.removesuffix("s"))
        or comparable_word(one) == comparable_word(other)
    )


def says_the_same(left: Text, right: Text, threshold: float) -> bool:
    """Whether two texts say the same.

    Their numbers and codes are equal; neither has a name, a negation or an opposite (city, highway) that the other
    lacks; no word is replaced by another; and of all their words at least `threshold` (0 to 1, Jaccard) are shared.
    """
    if left.text == right.text:
        return True
    if differ_at_first_sight(left, right, threshold):
        return False
    same_words = left.words.keys() == right.words.keys()
    return (same_words or is_same_difference(Difference(left, right), left, right, threshold)) and keeps_order(
        left, right
    )


def differ_at_first_sight(left: Text, right: Text, threshold: float) -> bool:
    """Whether two texts differ in numbers, symbols or too many words: decides most pairs, and is fast."""
    if left.text == right.text:
        return False
    if left.sorted_numbers != right.sorted_numbers or (left.symbols - right.symbols and right.symbols - left.symbols):
        return True
    shared = len(left.words.keys() & right.words.keys())
    one, other = len(left.words) - shared, len(right.words) - shared
    fewest, most = (one, other) if one < other else (other, one)
    if not most or (fewest, most) == (1, 2):
        return False  # two words may be written as one
    if (left.compounds or right.compounds) and not COMPOUND_UNITS.isdisjoint(left.words.keys() ^ right.words.keys()):
        return False
    return are_too_many(fewest, most, shared, left, right, threshold)


def are_too_many(fewest: int, most: int, shared: int, left: Text, right: Text, threshold: float) -> bool:
    """Whether more words differ than can be misspelt or left out.

    Args:
        fewest, most: how many words either text has that the other lacks.
        shared: how many words both have.
    """
    left_out = shared * (1 / threshold - 1)
    unknown = len(left.unknown) + len(right.unknown)
    if (fewest > 1 and fewest > unknown) or most - fewest - unknown > left_out:
        return True  # even if none of the unknown words is shared
    only_left, only_right = left.words.keys() - right.words.keys(), right.words.keys() - left.words.keys()
    unknown = len(only_left & left.unknown) + len(only_right & right.unknown)
    if most == 1 and fewest == 1 and not unknown:
        return not is_slip(left.words[next(iter(only_left))].spelling, right.words[next(iter(only_right))].spelling)
    return (fewest > 1 and fewest > unknown) or most - fewest - unknown > left_out


def is_same_difference(difference: Difference, left: Text, right: Text, threshold: float) -> bool:
    """Whether the words that differ make no difference."""
    if not difference.left and not difference.right:
        return True
    if difference.has_protected() or difference.has_replaced_word() or difference.similarity < threshold:
        return False
    names = left.names | right.names
    return not any(token.spelling in names for token in (*difference.left, *difference.right))


def keeps_order(left: Text, right: Text) -> bool:
    """Whether the facts of both texts belong to the same things: sentences, clauses and fields may change places.

    "city 30, highway 38" is "highway 38, city 30", but not "city 38, highway 30".
    """
    facts = left.facts & right.facts  # not those that are misspelt in one of them
    if facts_in_order(left.tokens, facts) == facts_in_order(right.tokens, facts):
        return True
    rest = [segment for segment in right.segments if facts_in_order(segment, facts)]
    for segment in (segment for segment in left.segments if facts_in_order(segment, facts)):
        same = next((other for other in rest if is_same_segment(segment, other, facts)), None)
        if same is None:
            return False
        rest.remove(same)
    return not rest


def facts_in_order(tokens: list[Token], facts: set[str]) -> list[str]:
    """Those of the tokens that are among the facts."""
    return [token.text for token in tokens if token.text in facts]


def is_same_segment(left: list[Token], right: list[Token], facts: set[str]) -> bool:
    """Whether two segments have the same facts in the same order, and mostly the same words."""
    if facts_in_order(left, facts) != facts_in_order(right, facts):
        return False
    one, other = ({token.text for token in tokens if token.kind == WORD} for tokens in (left, right))
    shared = sum(text in other or any(is_misspelling(text, word) for word in other) for text in one)
    return 2 * shared >= max(len(one), len(other))


def facts_conflict(left: Text, right: Text) -> bool:
    """Whether two answers to one question state different facts, and are not only differently worded.

    Numbers and codes conflict unless one answer has all of the other's; so do opposites and negations in answers whose
    other words are mostly the same, and short answers of which one has words for the other's words or number.
    """
    if left.numbers and right.numbers and not (left.numbers <= right.numbers or right.numbers <= left.numbers):
        return True
    difference = Difference(left, right)
    short = max(len(left.words), len(right.words)) <= SHORT_WORDS
    if short and bool(left.numbers) != bool(right.numbers) and (difference.right if left.numbers else difference.left):
        return True
    if difference.has_protected():
        negated = any(token.text in ("not", "no", "yes", "never") for token in (*difference.left, *difference.right))
        opposed = all(any(token.kind == PROTECTED for token in side) for side in (difference.left, difference.right))
        without = [token for token in (*difference.left, *difference.right) if token.kind != PROTECTED]
        return (negated or opposed) and 2 * len(without) <= difference.shared + len(without)
    return short and difference.has_replaced_word()
