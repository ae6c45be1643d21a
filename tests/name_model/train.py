"""Train the model of names: `python -m tests.name_model.train` rewrites `name_model.json`.

The sentences are made up (`sentences.txt`, with names in every slot), written by others (`texts`) and public
(newsgroup posts, utterances, trouble codes, names of vehicles). Each is seen as written, in lower case, or in
capitals. Three in ten names are hidden from the lists, others in each part of the sentences, so that the model also
learns names that no list holds from their spelling and from the words around them. The same packages give the same
file.
"""

import json
import random
import re
from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from pipelines.core.files import atomic_write
from pipelines.text.privacy import name_model
from pipelines.text.privacy.name_model import WordLists, features, read_word_lists, tokenise
from tests.name_model import vehicle_texts, word_lists
from tests.name_model.made_up import SIGNED, Filler, Sentence, make_sentences, respell, sign
from tests.name_model.written import AUTHORS, written_sentences

SEED = 17
PARTS, HIDDEN = 5, 0.3  # of the sentences; of the names in each part
PUBLIC = 6_000  # public sentences of each kind, at most
REGULARISATION = 0.7
LEAST_WEIGHT = 0.02  # smaller weights are left out
RENAMED = 12_000  # public sentences in which a name takes the place of a pronoun, at most
PRONOUN = re.compile(
    r"\b(?:[Hh]e|[Ss]he|[Hh]im|her(?= (?:to|that|about|and|if|when|for|on|in|at|but|a|the|i|is|was)\b|[.,!?]|$)"
    r"|(?P<owner>[Hh]is|[Hh]er(?= \w)))\b(?!')"
)


def public(lists: WordLists, rng: random.Random) -> Iterator[Sentence]:
    """Sentences of posts and utterances whose names are certain, and texts on vehicles, which hold none."""
    filler = Filler(rng)
    posts = [line for post in word_lists.newsgroup_posts() for line in re.split(r"(?<=[.!?])\s+|\n", post)]
    for texts in (posts, word_lists.utterances()):
        for text in rng.sample(texts, min(3 * PUBLIC, len(texts))):
            if 2 < len(text.split()) < 60 and "@" not in text and (names := certain_names(text, lists)) is not None:
                sentence = Sentence(text, names) if names else Sentence(capitalise(text, rng), [])
                yield sign(sentence, filler, rng) if rng.random() < SIGNED else sentence
    for texts in (vehicle_texts.vehicle_names(), vehicle_texts.code_descriptions(), vehicle_texts.vehicle_values()):
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
    trade = lists.domain | lists.places
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
        elif capital and token.start and lists.last.get(token.key, 0) > 1 and not common and token.key not in trade:
            return None
    return None if first else names


def capitalise(text: str, rng: random.Random) -> str:
    """A text without names, some of its words with a capital, or all of it in capitals: no word is a name for that."""
    kind = rng.random()
    if kind < 0.6:
        return text
    if kind < 0.7:
        return text.upper()
    if kind < 0.76:
        return text.title()
    words = text.split(" ")
    at, count = rng.randrange(len(words)), rng.randint(1, 3)
    return " ".join([*words[:at], *(word.title() for word in words[at : at + count]), *words[at + count :]])


def hide_names(lists: WordLists, rng: random.Random) -> WordLists:
    """The lists without some of the names, and without some words of the trade."""
    first, last = (
        {word: rank for word, rank in sorted(names.items()) if rng.random() > HIDDEN}
        for names in (lists.first, lists.last)
    )
    domain = frozenset(word for word in sorted(lists.domain) if rng.random() > HIDDEN)
    return lists._replace(first=first, last=last, domain=domain)


def is_worth_learning(word: str, key: str, lists: WordLists) -> bool:
    """Whether the model will be asked about the word: as `name_model.is_candidate`."""
    named = key in lists.first or key in lists.last
    return named or not ((word.islower() or len(key) < 2) and (lists.common.get(key, 0) > 1 or key in lists.domain))


class Rows:
    """Words to learn from: which features each has, and whether it is part of a name."""

    def __init__(self) -> None:
        self.columns: dict[str, int] = {}
        self.indices, self.ends = array("i"), array("q", [0])
        self.labels = array("b")

    def add(self, sentences: Iterable[Sentence], parts: list[WordLists], rng: random.Random) -> None:
        """The words of sentences, each seen with one of the lists."""
        for sentence in sentences:
            known = rng.choice(parts)
            tokens = tokenise(sentence.text)
            for at, token in enumerate(tokens):
                is_name = any(start <= token.start < end for start, end in sentence.names)
                if token.kind == "word" and (is_name or is_worth_learning(token.text, token.key, known)):
                    found = dict.fromkeys(features(tokens, at, known))
                    self.indices.extend(self.columns.setdefault(feature, len(self.columns)) for feature in found)
                    self.ends.append(len(self.indices))
                    self.labels.append(is_name)

    def fit(self, chosen: np.ndarray) -> dict[str, float]:
        """The weights of the features, learned from the chosen rows."""
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression

        ones = np.ones(len(self.indices), np.float32)
        shape = (len(self.labels), len(self.columns))
        matrix = csr_matrix((ones, np.asarray(self.indices), np.asarray(self.ends)), shape=shape)[chosen]
        labels = np.asarray(self.labels)[chosen] > 0
        seen = np.asarray(matrix.sum(axis=0)).ravel() >= 5  # a rare feature is chance, and makes the file large
        model = LogisticRegression(
            C=REGULARISATION, l1_ratio=1.0, solver="liblinear", fit_intercept=False, random_state=SEED
        )
        model.fit(matrix[:, seen], labels)
        names = np.asarray(list(self.columns))[seen]
        print(f"{len(labels)} words, {sum(labels)} of names; {len(names)} features", flush=True)
        weights = {str(name): round(float(weight), 2) for name, weight in zip(names, model.coef_[0], strict=True)}
        return {name: weight for name, weight in weights.items() if abs(weight) >= LEAST_WEIGHT}


def train(*choices: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """Models, as `name_model.json` holds them: word lists and weights.

    Args:
        choices: for each model whose written texts it learns from; `validate` leaves one author out.
    """
    rng = random.Random(SEED)
    raw = word_lists.build_lists()
    lists = read_word_lists(raw)
    parts = [lists, *(hide_names(lists, rng) for _ in range(PARTS - 1))]
    rows = Rows()
    for sentences in (make_sentences(rng), public(lists, rng), renamed(lists, rng)):
        rows.add(sentences, parts, rng)
        print(f"{len(rows.labels)} words", flush=True)
    ends = [len(rows.labels)]
    for author in AUTHORS:
        rows.add(written_sentences(author, Filler(rng), rng), parts, rng)
        ends.append(len(rows.labels))
    for authors in choices:
        chosen = np.ones(len(rows.labels), bool)
        for author, first, last in zip(AUTHORS, ends, ends[1:], strict=False):
            chosen[first:last] = author in authors
        yield {"lists": raw, "weights": rows.fit(chosen)}


def main() -> None:
    """Write the model beside the code that reads it."""
    (model,) = train(AUTHORS)
    with atomic_write(name_model.FILE) as temporary:
        temporary.write_text(json.dumps(model, ensure_ascii=False, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{name_model.FILE}: {name_model.FILE.stat().st_size / 1e6:.2f} MB, {len(model['weights'])} weights")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
