"""Which fields of a record a question asks for: a record is shown without the others.

A small model that looks for one value among ten takes the wrong one now and then, above all where people ask in words
that no training row had. A linear classifier on the characters of the question knows better what is meant: it learns
thousands of wordings within seconds. The model then reads one or two fields and says what they hold, and where the
record lacks them, the answer is the decline sentence. Training, evaluation and gateway use the same.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pipelines.text.privacy import find_personal_data
from pipelines.text.privacy.name_model import load_model
from pipelines.text.record_lines import SEPARATOR
from pipelines.text.stated_fields import find_asking

OFF_SUBJECT = "off the subject"  # the field asked for by questions that the model itself declines
FEATURES = 2**15  # into which runs of characters are hashed
STRENGTH = 30.0  # inverse of the regularisation
ASKED = 0.2  # probability from which a field counts as asked for
BESIDE = 0.25  # of the likeliest field's probability that another one needs to be asked for too
LIKELIEST = 0.1  # probability from which the likeliest field does, if nothing else is likelier
SURE = 0.7  # probability from which a field is shown alone; below it, a record that explains one thing is shown whole
CERTAIN = 0.5  # probability from which a question counts as off the subject, or as asking for no field
UNITS = {"l", "mpg", "hp", "lb", "kwh"}
YEARS = {str(year) for year in range(1950, 2051)}
NOTHING = "nothing"  # the field asked for by questions for what no record has
WORD = re.compile(r"[^\W_]+(?:\.\d+)?")
UNMEANT = re.compile(r"\b(?:not|ignore|isn't|except|skip)(?: (?:the|a|that|one|for|from))* \S+", re.IGNORECASE)
CAPITALISED = re.compile(r"(?<=\w )[A-Z][a-z]+\b")  # within a sentence
DESCRIBED = re.compile(  # the Accent with the manual transmission
    r"\b(?:with|has|having)\b(?: (?!and\b|what\b|which\b|how\b|please\b|pls\b)(?:[^\s,.;:?]|\.\d)+){1,5}", re.IGNORECASE
)
VEHICLE_DATA = ("vin", "plate")
BESIDES = re.compile(r"\([^()]*\)")  # said in passing
JOINED = re.compile(r"\b(?:and|both|plus)\b|[&+]", re.IGNORECASE)  # several fields are asked for
COMMON = frozenset("the a an this of is it in on for with and or one car vehicle what which how".split())  # noqa: SIM905
NUMBER_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "twelve": "12",
}  # fmt: skip


class AskedExample(NamedTuple):
    """A question, and what it asks for."""

    question: str
    fields: tuple[
        str, ...
    ]  # as records write them: `city {} mpg`, `Severity: {}`; OFF_SUBJECT; empty: no record has it


class Shown(NamedTuple):
    """Records, as far as a question asks for them."""

    records: list[str]  # a line each
    missing: bool = False  # none of them has the field asked for
    values: tuple[str, ...] = ()  # what a right answer states: the fields asked for, if all records agree on them
    quotations: tuple[str, ...] = ()  # for each record its name and these fields, in its own words


class AskedFields:
    """Classifiers, one for each kind of record, fitted to examples.

    Args:
        kinds: the examples of each kind of record, of at least two different fields.
        explained: fields that explain one thing, such as a code: all are shown unless a question surely asks for some.
        subjects: what records are about, such as makes and models; words of everyday English among them do not count.
    """

    def __init__(
        self, kinds: Iterable[Iterable[AskedExample]], explained: Iterable[str] = (), subjects: Iterable[str] = ()
    ) -> None:
        self.kinds = [FieldClassifier(examples) for examples in kinds]
        self.explained = set(explained)
        everyday = load_model()[0].common
        self.subjects = {word for name in subjects for word in words_of(name) if len(word) > 1}
        self.unmistakable = {word for word in self.subjects if word not in everyday}

    def show(self, question: str, records: Sequence[str]) -> Shown:
        """The records with the fields asked for, and those that no example knows; none for a question off the subject.

        Of several records that have it, the fields whose values the question says stay too: they tell which is meant.
        """
        named = [
            [
                (field, name)
                for field in record.split(SEPARATOR)[1:]
                if (name := name_field(self.kinds, field)) or not is_about_person(field)
            ]
            for record in records
        ]
        names = {name for fields in named for _, name in fields}
        kinds = [kind for kind in self.kinds if names & set(kind.patterns)]
        if not kinds:
            return Shown(list(records))
        asked_names = find_asked(kinds, question, [field for fields in named for field, _ in fields])
        if OFF_SUBJECT in asked_names:
            return Shown([])
        explained = names & self.explained
        if not asked_names or (len(explained) > 1 and not self.is_certain(question, asked_names)):
            asked_names |= explained
        shown_names = asked_names - {NOTHING} or {""}
        meant = self.find_meant(question, records)
        chosen = [n for n in meant if any(name in shown_names for _, name in named[n])]
        if not chosen:
            return Shown(list(records), missing=True)
        chosen = choose_named(question, records, chosen)
        question_words = set(words_of(question)) - UNITS if len(chosen) > 1 else set()
        values = {n: [field for field, name in named[n] if name and name in shown_names] for n in chosen}
        shown = [
            SEPARATOR.join(
                [title_of(records[n])]
                + [
                    field
                    for field, name in named[n]
                    if not name or name in shown_names or question_words & set(words_of(field))
                ]
            )
            for n in chosen
        ]
        agreed = len({tuple(values[n]) for n in chosen}) == 1  # two variants of a vehicle may have the same
        return Shown(
            list(dict.fromkeys(shown)),
            values=tuple(values[chosen[0]]) if agreed else (),
            quotations=tuple(quote(title_of(records[n]), values[n]) for n in chosen if values[n]),
        )

    def is_certain(self, question: str, asked_names: set[str]) -> bool:
        """Whether a question surely asks for these fields, and for no other."""
        return bool(asked_names) and all(
            any(kind.find(question).get(name, 0) >= SURE for kind in self.kinds) for name in asked_names
        )

    def find_meant(self, question: str, records: Sequence[str]) -> list[int]:
        """The places of the records that a question may be about.

        A subject or year that it names is that of the record, where records have such ones at all.
        """
        meant = list(range(len(records)))
        meaning = UNMEANT.sub(" ", question)
        words, capitalised = set(words_of(meaning)), set(words_of(" ".join(CAPITALISED.findall(meaning))))
        named_subjects = words & self.unmistakable | capitalised & self.subjects
        for kind, named in ((self.subjects, named_subjects), (YEARS, words & YEARS)):
            held = [set(words_of(title_of(record).partition(": ")[0])) & kind for record in records]
            if named and any(held):
                meant = [n for n in meant if held[n] & named]
        return meant


class FieldClassifier:
    """Which fields of one kind of record a question asks for."""

    def __init__(self, examples: Iterable[AskedExample]) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.preprocessing import MultiLabelBinarizer

        questions, fields = zip(*examples, strict=True)
        labels = MultiLabelBinarizer()
        targets = labels.fit_transform([some or (NOTHING,) for some in fields])
        self.names: list[str] = labels.classes_.tolist()
        self.model = OneVsRestClassifier(LogisticRegression(C=STRENGTH, solver="liblinear", random_state=0))
        self.model.fit(hash_characters(questions), targets)
        self.patterns = {
            name: re.compile(re.escape(name).replace(r"\{\}", ".+"), re.IGNORECASE)
            for name in self.names
            if name not in (NOTHING, OFF_SUBJECT)
        }

    def find(self, question: str) -> dict[str, float]:
        """Field → the probability that a question asks for it, the likeliest first."""
        chances = self.model.predict_proba(hash_characters([question]))[0].tolist()
        return dict(sorted(zip(self.names, chances, strict=True), key=lambda item: -item[1]))

    def find_asked(self, question: str) -> set[str]:
        """The fields that a question asks for; NOTHING or OFF_SUBJECT if that is certain; empty if all is uncertain."""
        chances = self.find(question)
        likeliest, highest = next(iter(chances.items()))
        if likeliest in (NOTHING, OFF_SUBJECT) and highest >= CERTAIN:
            return {likeliest}
        least = LIKELIEST if JOINED.search(question) else max(ASKED, highest * BESIDE)
        return {name for name in self.patterns if chances.get(name, 0) >= (LIKELIEST if name == likeliest else least)}

    def name(self, field: str) -> str:
        """The name that examples have for a record's field; empty if they have none."""
        return next((name for name, pattern in self.patterns.items() if pattern.fullmatch(field)), "")


def choose_named(question: str, records: Sequence[str], chosen: Sequence[int]) -> list[int]:
    """Of several records, by their places, those of which a question says most words that the others do not have.

    What its asking sentences say comes before what others add, such as `the other line is the 1.6`.
    """
    held = [set(words_of(records[n])) for n in chosen]
    own = [words.difference(*(other for other in held if other is not words)) for words in held]
    best = list(chosen)
    for text in (BESIDES.sub(" ", find_asking(question)), question):
        question_words = Counter(words_of(UNMEANT.sub(" ", text)))
        counts = [sum(question_words[word] for word in words) for words in own]
        best = [n for n, count in zip(chosen, counts, strict=True) if count == max(counts)]
        if len(best) == 1:
            break
    return best


def hash_characters(questions: Sequence[str]) -> Any:
    """Runs of 2 to 5 characters of each question, sparse [questions, FEATURES]."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=FEATURES).transform(questions)


def is_about_person(field: str) -> bool:
    """Whether a field holds personal data other than the vehicle's own: no model is shown it beside known fields."""
    return any(finding.entity not in VEHICLE_DATA for finding in find_personal_data(field))


def name_field(kinds: Iterable[FieldClassifier], field: str) -> str:
    """The name that examples of any kind have for a record's field; empty if none has one."""
    return next((name for kind in kinds if (name := kind.name(field))), "")


def find_asked(kinds: Iterable[FieldClassifier], question: str, fields: Sequence[str]) -> set[str]:
    """The fields that a question asks for, of any kind of record.

    What it says of the records' fields to tell which is meant (`with the 3.7 liter engine`) is not asked for, unless
    nothing else is.
    """
    values = [{word for word in words_of(field)[1:] if word not in UNITS} for field in fields]

    def drop_described(phrase: re.Match[str]) -> str:
        question_words = set(words_of(phrase[0]))
        return " " if any(some and some <= question_words for some in values) else phrase[0]

    bare = DESCRIBED.sub(drop_described, question)
    asked_names = set[str]().union(*(kind.find_asked(bare) for kind in kinds))
    return (
        asked_names or set[str]().union(*(kind.find_asked(question) for kind in kinds))
        if bare != question
        else asked_names
    )


def quote(title: str, fields: Iterable[str]) -> str:
    """A record's name and fields as a sentence each: `2012 Nissan Titan. Drive four-wheel.`"""
    return " ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in (title, *fields))


def title_of(record: str) -> str:
    """What a record is about."""
    return record.partition(SEPARATOR)[0]


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in lower case, without those that tell nothing."""
    words = (NUMBER_WORDS.get(word, word) for word in WORD.findall(text.casefold()))
    return [word for word in words if word not in COMMON]
