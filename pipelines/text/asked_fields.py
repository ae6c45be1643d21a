"""Which fields of a record a question asks for: a record is shown without the others.

A small model that looks for one value among ten takes the wrong one now and then, above all where people ask in words
that no training row had. A linear classifier on the characters of the question knows better what is meant: it learns
thousands of wordings within seconds. The model then reads one or two fields and says what they hold, and where the
record lacks them, the answer is the decline sentence. Training, evaluation and gateway use the same.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipelines.text.chosen_record import COMPARES, UNMEANT, choose_records, choose_specified, find_telling, words_of
from pipelines.text.field_classifier import NOTHING, OFF_SUBJECT, AskedExample, FieldClassifier
from pipelines.text.field_names import LAYOUTS
from pipelines.text.privacy import find_personal_data
from pipelines.text.privacy.name_model import load_model
from pipelines.text.record_lines import SEPARATOR
from pipelines.text.specifications import find_specifications
from pipelines.text.stated_fields import find_asking

LIKELY = 0.4  # probability from which a sentence decides alone
SURE = 0.7  # probability from which a field is shown alone; below it, a record that explains one thing is shown whole
MIN_WORDS = 3  # of a question without its descriptions
UNITS = {"l", "mpg", "hp", "lb", "kwh"}
YEARS = {str(year) for year in range(1950, 2051)}
AMOUNT = re.compile(
    r"\b\d+ ?(?:miles?|mi|km|bucks|dollars|usd|mph|lbs?|pounds|hp|people|minutes|days)\b", re.IGNORECASE
)  # no model's name
CAPITALISED = re.compile(r"(?<=\w )[A-Z][a-z]+\b")  # within a sentence
DESCRIBED = re.compile(  # the Accent with the manual transmission
    r"\b(?:with|has|having)\b(?: (?!and\b|what\b|which\b|how\b|please\b|pls\b)(?:[^\s,.;:?]|\.\d)+){1,5}", re.IGNORECASE
)
VEHICLE_DATA = ("vin", "plate")
NAMED = {  # what says a field's own name, where nothing else is known of a question
    "city {} mpg": r"\b(?:city|cty|urban|in town|around town|town (?:figure|number|mileage|mpg|rating))\b",
    "highway {} mpg": r"\b(?:highway|hwy|freeway|interstate|turnpike|motorway)\b",
    "combined {} mpg": r"\b(?:combined|comb|cmb)\b",
    "cylinders {}": r"\b(?:cylinders|cyls?)\b",
    "gears {}": r"\b(?:gears|gear count)\b",
    "displacement {} L": r"\bdisp(?:l|lacement)?\b",
    "aspiration {}": r"\baspiration\b",
    "drive {}": r"\b(?:drv|drive type|drivetrain)\b",
    "transmission {}": r"\b(?:trn|trans|transmission type|gearbox type)\b",
}


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
        words = {word for name in subjects for word in words_of(name) if len(word) > 1}
        self.subjects = {word for word in words if not any(re.fullmatch(form, word) for form in NAMED.values())}
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
        texts = (asking, question, context or question)
        asked_names = self.find_asked(kinds, texts, [field for fields in named for field, _ in fields])
        if len(records) > 1 and COMPARES.search(asking) and not asked_names & names:  # which of them has the manual
            asked_names |= find_specified(asking, records, named)
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

    def find_asked(self, kinds: Sequence[FieldClassifier], texts: Sequence[str], fields: Sequence[str]) -> set[str]:
        """The fields that a question asks for.

        Args:
            texts: its sentences that ask, the question, and the message around it: the first decides whose fields are
                likely, else the name of a field, else the first that may ask for any.
            fields: of its records.
        """
        bare = [drop_described(text, fields) for text in dict.fromkeys(texts)]
        asked_names = [self.find_undescribed(kinds, text, fields) for text in bare]
        for text, names in zip(bare, asked_names, strict=True):
            if names - {NOTHING} and highest_chance(kinds, text) >= LIKELY:
                return names
        named = find_named(kinds, texts[-1])
        return named or next((names for names in asked_names if names - {NOTHING}), asked_names[-1])

    def find_undescribed(self, kinds: Sequence[FieldClassifier], text: str, fields: Sequence[str]) -> set[str]:
        """The fields that a text asks for, without those by whose value it says which record it means, unless nothing
        else is asked for: `the three cylinder one, what does it do on the highway`."""
        asked_names = classify(kinds, text)
        bare, described = text, set[str]()
        for each in reversed(find_specifications(text)):
            field = LAYOUTS[each.field].format(each.value)
            if field in fields:
                described.add(name_field(kinds, field))
                bare = f"{bare[: each.start]} {bare[each.end :]}"
        if not described or len(bare.split()) < MIN_WORDS or not asked_names & described:
            return asked_names
        others = asked_names - described
        if not others and highest_chance(kinds, bare) >= LIKELY:
            others = classify(kinds, bare) - {NOTHING, OFF_SUBJECT}
        return others or asked_names

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
        titles = [set(words_of(title_of(record))) for record in records]
        telling = {word for word in find_telling(titles) & words if not word.isdigit()}  # also of no known subject
        for kind, named in ((self.subjects, named_subjects), (YEARS, words & YEARS)):
            held = [set(words_of(title_of(record).partition(": ")[0])) & kind for record in records]
            if named and any(held):
                also = telling if kind is self.subjects and any(map(named.intersection, held)) else set[str]()
                meant = [n for n in meant if held[n] & named or titles[n] & also]
        return meant


def find_named(kinds: Iterable["FieldClassifier"], asking: str) -> set[str]:
    """The one field that a question calls by its name, or by the key of a file; empty if it names none or several."""
    labels = asking.replace("_", " ")
    named = {name for kind in kinds for name in kind.patterns if name in NAMED and re.search(NAMED[name], labels, re.I)}
    return named if len(named) == 1 else set()


def find_specified(asking: str, records: Sequence[str], named: Sequence[Sequence[tuple[str, str]]]) -> set[str]:
    """The fields by whose value a question tells one of several records: `which of them has the manual`.

    Args:
        named: the fields of each record, and the names that examples have for them.
    """
    places = choose_specified(asking, records, range(len(records)))
    if len(places) != 1:
        return set()
    stated = {LAYOUTS[each.field].format(each.value) for each in find_specifications(asking)}
    return {name for field, name in named[places[0]] if field in stated and name}


def is_about_person(field: str) -> bool:
    """Whether a field holds personal data other than the vehicle's own: no model is shown it beside known fields."""
    return any(finding.entity not in VEHICLE_DATA for finding in find_personal_data(field))


def name_field(kinds: Iterable[FieldClassifier], field: str) -> str:
    """The name that examples of any kind have for a record's field; empty if none has one."""
    return next((name for kind in kinds if (name := kind.name(field))), "")


def drop_described(question: str, fields: Sequence[str]) -> str:
    """A question without what it says of the records' fields to tell which is meant: `with the 3.7 liter engine`; whole
    if nothing else is left."""
    values = [{word for word in words_of(field)[1:] if word not in UNITS} for field in fields]

    def drop(phrase: re.Match[str]) -> str:
        question_words = set(words_of(phrase[0]))
        return " " if any(some and some <= question_words for some in values) else phrase[0]

    bare = DESCRIBED.sub(drop, question)
    return bare if len(bare.split()) >= MIN_WORDS else question


def classify(kinds: Iterable[FieldClassifier], text: str) -> set[str]:
    """The fields that a text asks for, of any kind of record."""
    return set[str]().union(*(kind.find_asked(text) for kind in kinds))


def highest_chance(kinds: Iterable[FieldClassifier], text: str) -> float:
    """The probability of the likeliest field, or of none, 0 to 1."""
    return max(next(iter(kind.find(text).values())) for kind in kinds)


def quote(title: str, fields: Iterable[str]) -> str:
    """A record's name and fields as a sentence each: `2012 Nissan Titan. Drive four-wheel.`"""
    return " ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in (title, *fields))


def title_of(record: str) -> str:
    """What a record is about."""
    return record.partition(SEPARATOR)[0]
