"""When two rows are the same row in other clothes: MinHash proposes, the true Jaccard similarity decides.

Dealership rows are alike by nature: "P0420" and "P0430", "city" and "highway", "30 mpg" and "38 mpg" make different
facts of sentences that share nearly all their words, so likeness of words alone would throw facts away. Therefore
every shingle carries what its row must agree on before likeness counts at all: each word of the question and of the
answer, and of the record each word that is not letters alone. Rows that differ in one of these share no shingle: their
similarity is 0, not 0.97. What may still differ is case, punctuation, courtesy, and a little wording of a long record.
"""

import re
from collections.abc import Iterable
from typing import Any

from pipelines.files import digest

Row = dict[str, Any]

ALL = ("instruction", "input", "output")
QUESTION = ("instruction", "input")

# A word with its inner marks and sign (-5, 2.0, 30%, F-150, 4Dr); or a symbol that is not punctuation ($, <, |).
WORD = re.compile(r"""(?:(?<!\w)[-+])?\w+(?:[.,:/'-]\w+)*%?|[^\w\s.,;:!?'"()\[\]-]""")
COURTESY = frozenset({"a", "an", "the", "please"})
GRAM = 3  # words a shingle: one changed word in a text of n words leaves a similarity of (n - 5) / (n + 1)
PERMUTATIONS, BANDS = 128, 32  # proposes 99.9% of the pairs that are alike by 0.7 or more


def words(text: str) -> list[str]:
    """The words of a text, without case, punctuation and courtesy."""
    return [word for word in WORD.findall(text.casefold()) if word not in COURTESY]


def shingles(row: Row, columns: Iterable[str] = ALL) -> set[str]:
    """Word trigrams of some columns of a row, each marked with what near-duplicates must agree on."""
    said = {column: words(row[column]) for column in columns}
    facts = {c: [w for w in spoken if c != "input" or not w.isalpha()] for c, spoken in said.items()}
    mark = digest(facts)[:16]
    text = [word for spoken in said.values() for word in spoken]
    return {f"{mark} {' '.join(text[i : i + GRAM])}" for i in range(max(1, len(text) - GRAM + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


class Index:
    """Rows by likeness.

    Args:
        threshold: Jaccard similarity, 0 to 1, from which two rows are near-duplicates.
        columns: the columns that are compared.
    """

    def __init__(self, threshold: float, columns: Iterable[str] = ALL) -> None:
        from rensa import RMinHashLSH

        self.threshold, self.columns = threshold, tuple(columns)
        self.rows: list[Row] = []
        self.lsh = RMinHashLSH(threshold, PERMUTATIONS, BANDS)

    def add(self, row: Row) -> None:
        _, sketch = self.sketch(row)
        self.keep(row, sketch)

    def find(self, row: Row) -> Row | None:
        """The first row of the index that `row` is a near-duplicate of."""
        return self.like(*self.sketch(row))

    def find_or_add(self, row: Row) -> Row | None:
        said, sketch = self.sketch(row)
        found = self.like(said, sketch)
        if found is None:
            self.keep(row, sketch)
        return found

    def sketch(self, row: Row) -> tuple[set[str], Any]:
        from rensa import RMinHash

        said = shingles(row, self.columns)
        sketch = RMinHash(PERMUTATIONS, 17)
        sketch.update(list(said))
        return said, sketch

    def like(self, said: set[str], sketch: Any) -> Row | None:
        for number in sorted(self.lsh.query(sketch)):
            if jaccard(said, shingles(self.rows[number], self.columns)) >= self.threshold:
                return self.rows[number]
        return None

    def keep(self, row: Row, sketch: Any) -> None:
        self.lsh.insert(len(self.rows), sketch)
        self.rows.append(row)
