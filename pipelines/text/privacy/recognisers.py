"""Presidio recognisers of the patterns. Import it inside a function: Presidio imports spaCy and torch, which take
seconds.

Presidio reads context words from the lemmas of a language model. No model is used here (NoOpNlpEngine), so that nothing
is downloaded; each recogniser scores the words around a match itself. Presidio's own e-mail recogniser is left out,
because it may download a list of domain suffixes. Your own recognisers can be added to the registry.
"""

import logging
from functools import cache
from typing import Any

from presidio_analyzer import AnalyzerEngine, LocalRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from pipelines.text.privacy.patterns import KINDS, THRESHOLD, find_matches


class PatternRecogniser(LocalRecognizer):
    """Finds one kind of personal data by its patterns; the words around a match raise or lower its score."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__([kind], name=kind)

    def load(self) -> None:
        """Nothing to load: the patterns are compiled when their module is imported."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """The matches in a text."""
        return [RecognizerResult(self.kind, *match) for match in find_matches(self.kind, text)]


@cache
def load_analyzer() -> AnalyzerEngine:
    """The Presidio analyzer with a recogniser per kind."""
    logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)  # it logs every recogniser that it loads
    return AnalyzerEngine(
        registry=RecognizerRegistry(
            recognizers=[PatternRecogniser(kind) for kind in KINDS], supported_languages=["en"]
        ),
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}]),
        supported_languages=["en"],
        default_score_threshold=THRESHOLD,
    )
