"""Our shapes as Presidio recognisers. Import it inside a function: Presidio brings spaCy and torch, seconds of it.

Presidio reads context words from a language model's lemmas. None is used here (its NoOpNlpEngine stands in), so a
recogniser reads the words around a match itself; nothing is downloaded, and Presidio's own e-mail recogniser, which
may fetch a list of domain suffixes, is not among them. Registries of recognisers of one's own can be added as ever.
"""

import logging
from functools import cache
from typing import Any

from presidio_analyzer import AnalyzerEngine, LocalRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from pipelines.text.privacy.patterns import KINDS, THRESHOLD, find_matches


class PatternRecogniser(LocalRecognizer):
    """Finds one kind of personal data by its shapes; the words near a match raise or lower its score."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__([kind], name=kind)

    def load(self) -> None:
        """Nothing to load: the patterns are compiled with their module."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        return [RecognizerResult(self.kind, *match) for match in find_matches(self.kind, text)]


@cache
def load_analyzer() -> AnalyzerEngine:
    logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)  # it announces each recogniser
    return AnalyzerEngine(
        registry=RecognizerRegistry(
            recognizers=[PatternRecogniser(kind) for kind in KINDS], supported_languages=["en"]
        ),
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}]),
        supported_languages=["en"],
        default_score_threshold=THRESHOLD,
    )
