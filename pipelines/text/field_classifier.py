"""A linear classifier on the characters of a question: which fields of one kind of record does it ask for?"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

OFF_SUBJECT = "off the subject"  # the field asked for by questions that the model itself declines
FEATURES = 2**15  # into which runs of characters are hashed
STRENGTH = 30.0  # inverse of the regularisation
ASKED = 0.2  # probability from which a field counts as asked for
BESIDE = 0.25  # of the likeliest field's probability that another one needs to be asked for too
LIKELIEST = 0.2  # probability from which the likeliest field does, if nothing else is likelier
CERTAIN = 0.5  # probability from which a question counts as off the subject, or as asking for no field
NOTHING = "nothing"  # the field asked for by questions for what no record has
JOINED = re.compile(r"\b(?:and|both|plus)\b|[&+]", re.IGNORECASE)  # several fields are asked for


class AskedExample(NamedTuple):
    """A question, and what it asks for."""

    question: str
    fields: tuple[
        str, ...
    ]  # as records write them: `city {} mpg`, `Severity: {}`; OFF_SUBJECT; empty: no record has it


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


def hash_characters(questions: Sequence[str]) -> Any:
    """Runs of 2 to 5 characters of each question, sparse [questions, FEATURES]."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=FEATURES).transform(questions)
