"""Texts of a dealership's life that people wrote, each author's with and without names.

Authors 1 and 2 wrote for training (`texts/`), authors a, b and d the benchmark's sets that may be learned from.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from tests.bench import pii_texts
from tests.bench.pii_rows import Labelled
from tests.name_model.made_up import Filler, Sentence, respell

FOLDER = Path(__file__).with_name("texts")
BENCH_SETS = {pii_texts.SETS[part]: part for part in ("seen", "seen_b", "seen_d")}  # author → set
AUTHORS = ("1", "2", *BENCH_SETS)
NAMED_TIMES, CLEAN_TIMES = 18, 8  # each text: those with names with many other names, too
SPELLED_OUT = re.compile(r"\w(?:\W\w)+")  # s t o d d a r d: its letters are no words


def read_clean(author: str) -> list[Sentence]:
    """An author's texts in which nobody is named."""
    if author in BENCH_SETS:
        return [Sentence(text, []) for text in pii_texts.clean(BENCH_SETS[author])]
    lines = (FOLDER / f"clean_{author}.txt").read_text(encoding="utf-8").splitlines()
    return [Sentence(line.replace("\\n", "\n"), []) for line in lines if line.strip()]


def read_people(author: str) -> list[Sentence]:
    """An author's texts with names, and where each name stands.

    Raises:
        ValueError: a name is not in its text.
    """
    if author in BENCH_SETS:
        rows = pii_texts.people(BENCH_SETS[author])
        return [Sentence(row.text, names) for row in rows if (names := labelled_names(row))]
    sentences = []
    for number, line in enumerate((FOLDER / f"people_{author}.jsonl").read_text(encoding="utf-8").splitlines(), 1):
        row = json.loads(line)
        spans: list[tuple[int, int]] = []
        for name in sorted(set(row["names"]), key=lambda name: (-len(name), name)):  # Ann Lee before Ann
            found = [m.span() for m in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", row["text"])]
            if not found:
                raise ValueError(f"people_{author}.jsonl, line {number}: no {name!r} in the text")
            spans += [(a, b) for a, b in found if all(b <= start or end <= a for start, end in spans)]
        sentences.append(Sentence(row["text"], sorted(spans)))
    return sentences


def labelled_names(row: Labelled) -> list[tuple[int, int]]:
    """The names of a text of the benchmark, but those that are spelled out."""
    return [
        (start, end)
        for entity, start, end in row.labels
        if entity == "name" and not SPELLED_OUT.fullmatch(row.text[start:end])
    ]


def rename(sentence: Sentence, filler: Filler) -> Sentence:
    """The sentence with other names of as many words, in the same case; a name of one word: a first or a last name."""
    text, names, at = "", [], 0
    for start, end in sentence.names:
        old = sentence.text[start:end]
        name = filler.fill("n" if " " in old else "f" if old.lower() in filler.known_first else "l")
        name = name.lower() if old.islower() else name.upper() if old.isupper() and len(old) > 2 else name
        text += sentence.text[at:start]
        names.append((len(text), len(text) + len(name)))
        text += name
        at = end
    return Sentence(text + sentence.text[at:], names)


def written_sentences(author: str, filler: Filler, rng: random.Random) -> Iterator[Sentence]:
    """The texts of an author as written and respelled, with their own names and with others."""
    people, clean = read_people(author), read_clean(author)
    for time in range(NAMED_TIMES):
        for sentence in people:
            named = rename(sentence, filler) if time % 3 else sentence
            yield respell(named, rng) if time % 2 else named
    for time in range(CLEAN_TIMES):
        for sentence in clean:
            yield respell(sentence, rng) if time % 2 else sentence
