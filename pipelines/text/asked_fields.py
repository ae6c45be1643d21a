"""Which fields of a record a question asks for: a record is shown without the others.

A small model that looks for one value among ten takes the wrong one now and then, above all where people ask in words
that no training row had. A linear classifier on the characters of the question knows better what is meant: it learns
thousands of wordings within seconds. The model then reads one or two fields and says what they hold, and where the
record lacks them, the answer is the decline sentence. Training, evaluation and gateway use the same.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pipelines.text.chosen_record import UNMEANT, choose_records, words_of
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
AMOUNT = re.compile(
    r"\b\d+ ?(?:miles?|mi|km|bucks|dollars|usd|mph|lbs?|pounds|hp|people|minutes|days)\b", re.IGNORECASE
)  # no model's name
CAPITALISED = re.compile(r"(?<=\w )[A-Z][a-z]+\b")  # within a sentence
DESCRIBED = re.compile(  # the Accent with the manual transmission
    r"\b(?:with|has|having)\b(?: (?!and\b|what\b|which\b|how\b|please\b|pls\b)(?:[^\s,.;:?]|\.\d)+){1,5}", re.IGNORECASE
)
VEHICLE_DATA = ("vin", "plate")
JOINED = re.compile(r"\b(?:and|both|plus)\b|[&+]", re.IGNORECASE)  # several fields are asked for
NAMED = {  # what says a field's own name, where nothing else is known of a question
    "city {} mpg": r"\b(?:city|cty|urban|in town|around town|town (?:figure|number|mileage|mpg|rating))\b",
    "highway {} mpg": r"\b(?:highway|hwy|freeway)\b",
    "combined {} mpg": r"\b(?:combined|comb|cmb)\b",
    "cylinders {}": r"\b(?:cylinders|cyls?)\b",
    "gears {}": r"\b(?:gears|gear count)\b",
    "displacement {} L": r"\bdisp(?:l|lacement)?\b",
    "aspiration {}": r"\baspiration\b",
    "drive {}": r"\b(?:drv|drive type|drivetrain)\b",
    "transmission {}": r"\b(?:trn|trans|transmission type|gearbox type)\b",
}


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

    def show(self, question: str, records: Sequence[str], context: str = "") -> Shown:
        """The records with the fields asked for, and those that no example knows; none for a question off the subject.

        Of several records that have it, the fields whose values the question says stay too: they tell which is meant.

        Args:
            context: the whole message without its records, where the question is only part of it.
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
        asking = find_asking(question)
        asked_names = self.find_asked(kinds, question, asking, [field for fields in named for field, _ in fields])
        if OFF_SUBJECT in asked_names:
            return Shown([])
        explained = names & self.explained
        if not asked_names or (len(explained) > 1 and not self.is_certain(question, asked_names)):
            asked_names |= explained
        shown_names = asked_names - {NOTHING} or {""}
        meant = self.find_meant(question, records)
        places = [n for n in meant if any(name in shown_names for _, name in named[n])]
        if not places and (own_names := find_named(kinds, asking)) and not self.is_certain(question, asked_names):
            shown_names = own_names
            places = [n for n in meant if any(name in shown_names for _, name in named[n])]
        if not places:
            return Shown(list(records), missing=True)
        values = {n: [field for field, name in named[n] if name and name in shown_names] for n in places}
        places, compared = choose_records(context or question, asking, records, places, [values[n] for n in places])
        question_words = set(words_of(question)) - UNITS if len(places) > 1 else set()
        shown = [
            SEPARATOR.join(
                [title_of(records[n])]
                + [
                    field
                    for field, name in named[n]
                    if not name or name in shown_names or question_words & set(words_of(field))
                ]
            )
            for n in places
        ]
        agreed = len({tuple(values[n]) for n in places}) == 1  # two variants of a vehicle may have the same
        return Shown(
            list(dict.fromkeys(shown)),
            values=tuple(values[places[0]]) if agreed and not compared else (),
            quotations=tuple(quote(title_of(records[n]), values[n]) for n in places if values[n]),
        )

    def find_asked(
        self, kinds: Sequence["FieldClassifier"], question: str, asking: str, fields: Sequence[str]
    ) -> set[str]:
        """The fields that a question asks for; its sentences that ask decide, or what is said around them."""
        asked_names = set[str]()
        for text in dict.fromkeys((asking, question)):
            asked_names = find_asked(kinds, text, fields)
            if asked_names - {NOTHING}:
                return asked_names
        return find_named(kinds, asking) or asked_names

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
        meaning = AMOUNT.sub(" ", UNMEANT.sub(" ", question))
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


def find_named(kinds: Iterable["FieldClassifier"], asking: str) -> set[str]:
    """The one field that a question calls by its name, or by the key of a file; empty if it says none or several."""
    says = asking.replace("_", " ")
    named = {name for kind in kinds for name in kind.patterns if name in NAMED and re.search(NAMED[name], says, re.I)}
    return named if len(named) == 1 else set()


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
