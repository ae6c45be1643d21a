"""The terms by which BM25 compares a question with passages: normal forms of words, codes in one spelling."""

from functools import lru_cache

from pipelines.text.normal_form import comparable_word, read_tokens
from pipelines.text.passages import TROUBLE_CODE

# Words of questions, and of the counter, that say nothing of what is looked for.
QUESTION_WORDS = frozenset({"what", "when", "where", "who", "why", "how", "can", "could", "should", "customer", "not"})
SAID_AS = {  # what people say, in its normal form → what records say
    "hwy": "highway",
    "mileage": "mpg",
    "tranny": "transmission",
    "chevy": "chevrolet",
    "vw": "volkswagen",
    "merc": "mercedes",
    "evap": "evaporative",
    "o2": "oxygen",
    "cat": "catalyst",
}


def find_terms(text: str) -> list[str]:
    """The terms of a text, in its order; a misspelt word is the word that was probably meant."""
    text = TROUBLE_CODE.sub(lambda code: f"{code[1]}{code[2].lower().replace('o', '0')}{code[3]}", text)
    return [term for token in read_tokens(text) if (term := said_as(comparable_word(token))) not in QUESTION_WORDS]


@lru_cache(100_000)
def said_as(word: str) -> str:
    """The word that records have for it."""
    return SAID_AS.get(word, word)
