"""Which of two answers is better by the facts: a rule is right more often than a small model, and costs nothing."""

from typing import Literal, NamedTuple

from pipelines.text.chat_format import Message
from pipelines.text.facts import contains_fact, extract_numbers

Preferred = Literal["first", "second", "tie"]
SIDES: tuple[Preferred, Preferred] = ("first", "second")


class Question(NamedTuple):
    """A conversation without its system message, and the facts of a true answer if they are known
    (column → the exact words)."""

    messages: list[Message]
    facts: dict[str, str]

    @property
    def text(self) -> str:
        """The conversation as one text, the record in it included."""
        return "\n".join(message["content"] for message in self.messages)


def decide_by_facts(question: Question, first: str, second: str) -> Preferred | None:
    """The answer with the facts, if the other lacks them; "tie" if both lack them; None if the facts do not decide.

    If the facts are unknown, or both answers have them, numbers decide: an answer whose numbers all stand in the
    question and its record is better than one with a number that does not.
    """
    if question.facts:
        has_facts = [all(contains_fact(fact, text) for fact in question.facts.values()) for text in (first, second)]
        if has_facts[0] != has_facts[1]:
            return SIDES[has_facts.index(True)]
        if not any(has_facts):
            return "tie"
    available, used = set(extract_numbers(question.text)), [set(extract_numbers(text)) for text in (first, second)]
    for better, worse in ((0, 1), (1, 0)):
        if used[better] and used[better] <= available and available and used[worse] - available:
            return SIDES[better]
    return None
