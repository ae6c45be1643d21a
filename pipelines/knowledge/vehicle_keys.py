"""Which vehicle a question names: year, make and model as people write them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Set
from itertools import pairwise

from pipelines.text.passages import as_word

YEAR = re.compile(r"(?<![\w.$-])(?:my\s?)?((?:19|20)\d\d)(?![\w-])", re.IGNORECASE)
SHORT_YEAR = re.compile(r"(?<!\w)['\N{RIGHT SINGLE QUOTATION MARK}](\d\d)(?!\w)|\bmy\s?(\d\d)\b", re.IGNORECASE)
NAME = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
MAKES = {  # what people say → as_word of the make
    "chevy": "chevrolet",
    "vw": "volkswagen",
    "mercedes": "mercedesbenz",
    "merc": "mercedesbenz",
    "benz": "mercedesbenz",
    "alfa": "alfaromeo",
    "aston": "astonmartin",
    "rover": "landrover",
}
LONG_NAME = 5  # letters of a model of which one may be wrong
PREFIX = "vehicle:"


class VehicleKeys:
    """The vehicles of an index, found by what a question says of them.

    A question names a vehicle by its model, and by its year or its make; a model of one or two characters (3, E, X5)
    by its make. If it says a year, only that year's vehicles are meant.

    Args:
        keys: of the index; those of other kinds count for nothing.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self.by_family: dict[str, list[tuple[str, str, str]]] = defaultdict(list)  # family → key, year, make
        for key in keys:
            if key.startswith(PREFIX):
                year, make, family = key.removeprefix(PREFIX).split(":")
                self.by_family[family].append((key, year, make))
        self.long_families = [family for family in self.by_family if len(family) >= LONG_NAME]

    def find(self, question: str) -> list[str]:
        """The keys of the vehicles that a question names."""
        years, names = find_years(question), find_names(question)
        keys = []
        for family in self.families(names):
            for key, year, make in self.by_family[family]:
                if years and year not in years:
                    continue
                if make in names or (years and len(family) > 2 and not family.isdigit()):
                    keys.append(key)
        return keys

    def families(self, names: Set[str]) -> list[str]:
        """The models among the words of a question; one letter of a longer one may be wrong."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        families = [name for name in names if name in self.by_family]
        if not families:
            for name in names:
                if len(name) >= LONG_NAME and name.isalpha():
                    near = process.extractOne(name, self.long_families, scorer=OSA.distance, score_cutoff=1)
                    families += [near[0]] if near else []
        return families


def find_years(question: str) -> set[str]:
    """The model years that a question says: 2012, my2012, '12."""
    short = {f"20{match[1] or match[2]}" for match in SHORT_YEAR.finditer(question)}
    return short | {match[1] for match in YEAR.finditer(question)}


def find_names(question: str) -> set[str]:
    """Words of a question that may be a make or model, alone and with their neighbour: f150 of F 150."""
    words = [as_word(part) for word in NAME.findall(question) for part in {word, *word.split("-")}]
    plain = [as_word(word) for word in NAME.findall(question)]
    names = {*words, *(left + right for left, right in pairwise(plain))}
    return names | {MAKES[name] for name in names if name in MAKES}
