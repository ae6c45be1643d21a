"""Answers that the model is not sure enough of, by the threshold of its evaluation."""

import pytest

from pipelines.core.plan import Knowledge
from pipelines.gateway.grounding import Grounding
from pipelines.text.shown_message import ShownMessage

from .conftest import Gateway, exchange
from .engine import Engine

QUESTION = "What is a catalytic converter?"
DECLINED = Knowledge().decline_sentence
UNSURE, SURE = [-0.1, -2.1], [-0.01, -0.01]  # confidence 0.33 and 0.99


def test_an_answer_below_the_threshold_is_declined_and_never_seen(gateway: Gateway, engine: Engine) -> None:
    low, high = (gateway.deploy(engine, min_confidence=threshold) for threshold in (1e-6, 2.0))
    plain = gateway.ask(QUESTION).choices[0].message.content
    assert gateway.ask(QUESTION, model=low).choices[0].message.content == plain
    declined = gateway.ask(QUESTION, model=high)
    assert declined.choices[0].message.content == DECLINED != plain
    assert declined.model_extra and declined.model_extra["declined"]
    assert exchange(declined.id)["retrieval"] == "unsure"
    chunks = list(gateway.ask(QUESTION, model=high, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == DECLINED


@pytest.mark.parametrize(
    ("message", "answer", "log_probs", "unsure"),
    [
        (ShownMessage(""), "It costs $30.", UNSURE, True),
        (ShownMessage(""), "It costs $30.", SURE, False),
        (ShownMessage(""), "It costs $30.", [], False),  # a backend that does not tell
        (ShownMessage(""), DECLINED, UNSURE, False),
        (ShownMessage("", quotation="Gears 6."), "It has 6.", UNSURE, False),  # the record decides
    ],
)
def test_what_is_unsure(message: ShownMessage, answer: str, log_probs: list[float], unsure: bool) -> None:
    grounding = Grounding("off", message=message)
    assert grounding.is_unsure(answer, log_probs, 0.9, Knowledge()) == unsure
    assert not grounding.is_unsure(answer, log_probs, 0.0, Knowledge())
