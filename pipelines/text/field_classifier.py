"""A linear classifier on the characters of a question: which fields of one kind of record does it ask for?"""

import logging
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipelines.core.files import digest, memoize_dir
from pipelines.core.settings import settings

log = logging.getLogger(__name__)

NOTHING = "nothing"  # the field asked for by questions for what no record has
OFF_SUBJECT = "off the subject"  # the field asked for by questions that the model itself declines
FEATURES = 2**15  # into which runs of characters are hashed
STRENGTH = 30.0  # inverse of the regularisation
ASKED = 0.2  # probability from which a field counts as asked for
BESIDE = 0.25  # of the likeliest field's probability that another one needs to be asked for too
LIKELIEST = 0.2  # probability from which the likeliest field does, if nothing else is likelier
CERTAIN = {NOTHING: 0.5, OFF_SUBJECT: 0.4}  # probability from which a question counts as one of these
FILE = "classifier.safetensors"
JOINED = re.compile(r"\b(?:and|both|plus)\b|[&+]", re.IGNORECASE)  # several fields are asked for


class AskedExample(NamedTuple):
    """A question, and what it asks for."""

    question: str
    fields: tuple[
        str, ...
    ]  # as records write them: `city {} mpg`, `Severity: {}`; OFF_SUBJECT; empty: no record has it


class FieldClassifier:
    """Which fields of one kind of record a question asks for.

    Args:
        examples: of at least two different fields, none of which all of them ask for.
    """

    def __init__(self, examples: Iterable[AskedExample]) -> None:
        self.names, self.weights, self.bias = load_weights(list(examples))
        self.patterns = {
            name: re.compile(re.escape(name).replace(r"\{\}", ".+"), re.IGNORECASE)
            for name in self.names
            if name not in (NOTHING, OFF_SUBJECT)
        }

    def find(self, question: str) -> dict[str, float]:
        """Field → the probability that a question asks for it, the likeliest first."""
        scores = hash_characters([question]) @ self.weights + self.bias
        chances = (1 / (1 + np.exp(-scores)))[0].tolist()
        return dict(sorted(zip(self.names, chances, strict=True), key=lambda item: -item[1]))

    def find_asked(self, question: str) -> set[str]:
        """The fields that a question asks for; NOTHING or OFF_SUBJECT if that is certain; empty if all is uncertain."""
        chances = self.find(question)
        likeliest, highest = next(iter(chances.items()))
        if highest >= CERTAIN.get(likeliest, np.inf):
            return {likeliest}
        least = LIKELIEST if JOINED.search(question) else max(ASKED, highest * BESIDE)
        return {name for name in self.patterns if chances.get(name, 0) >= (LIKELIEST if name == likeliest else least)}

    def name(self, field: str) -> str:
        """The name that examples have for a record's field; empty if they have none."""
        return next((name for name, pattern in self.patterns.items() if pattern.fullmatch(field)), "")


def load_weights(examples: Sequence[AskedExample]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """What examples were fitted to; kept under WEAVER_HOME, as fitting takes seconds.

    Where it cannot be kept or read, as on a full disk, it is fitted for this process alone.

    Returns:
        The fields' names, sorted; the weights, [FEATURES, fields]; and the bias of each field.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    names = sorted({name for example in examples for name in example.fields or (NOTHING,)})
    key = digest([list(map(list, examples)), digest(Path(__file__)), version("scikit-learn")])[:16]
    folder = settings().home / "field_classifiers" / key
    try:
        memoize_dir(folder, lambda new: save_file(fit_weights(examples, names), new / FILE))
        kept = load_file(folder / FILE)
    except (OSError, SafetensorError) as error:
        log.warning("%s cannot be used (%s): fitting again for this process; delete the folder", folder, error)
        kept = fit_weights(examples, names)
    return names, kept["weights"], kept["bias"]


def fit_weights(examples: Sequence[AskedExample], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Fit one logistic regression for each name of a field: `weights`, [FEATURES, names], and `bias`, [names]."""
    from sklearn.linear_model import LogisticRegression

    features = hash_characters([example.question for example in examples])
    models = [
        LogisticRegression(C=STRENGTH, solver="liblinear", random_state=0).fit(
            features, [name in (example.fields or (NOTHING,)) for example in examples]
        )
        for name in names
    ]
    weights = np.stack([model.coef_[0] for model in models], axis=1).astype(np.float32)
    return {"weights": weights, "bias": np.array([model.intercept_[0] for model in models], np.float32)}


def hash_characters(questions: Sequence[str]) -> Any:
    """Runs of 2 to 5 characters of each question, sparse [questions, FEATURES]."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=FEATURES).transform(questions)
