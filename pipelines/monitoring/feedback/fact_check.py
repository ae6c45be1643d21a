"""Which of two answers the facts decide for: a rule is right more often than a small model, and costs nothing."""

from typing import Literal, NamedTuple

from pipelines.text.chat_format import Message
from pipelines.text.facts import contains_fact, extract_numbers

Preferred = Literal["first", "second", "tie"]
SIDES: tuple[Preferred, Preferred] = ("first", "second")


class Question(NamedTuple):
    """What was asked: the conversation without the system's part, and the facts of a true answer where they are known
    (column → the exact words)."""

    messages: list[Message]
    facts: dict[str, str]

    @property
    def text(self) -> str:
        """The conversation as one text, the record in it included."""
        return "\n".join(message["content"] for message in self.messages)


def decide_by_facts(question: Question, first: str, second: str) -> Preferred | None:
    """The answer that holds the facts, where the other does not; "tie" where neither does; None if that says nothing.

    Where the facts are not known, as of a live question, or in both answers, figures decide: an answer whose figures
    all stand in the question and its record is better than one with a figure that does not.
    """
    if question.facts:
        right = [all(contains_fact(fact, said) for fact in question.facts.values()) for said in (first, second)]
        if right[0] != right[1]:
            return SIDES[right.index(True)]
        if not any(right):
            return "tie"
    read, said = set(extract_numbers(question.text)), [set(extract_numbers(first)), set(extract_numbers(second))]
    for better, worse in ((0, 1), (1, 0)):
        if said[better] and said[better] <= read and read and said[worse] - read:
            return SIDES[better]
    return None
