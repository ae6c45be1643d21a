"""How a conversation is answered from the knowledge base: from its own record, from passages, by a quotation, or not.

off, failed   nothing is looked up; the model answers from the conversation
own_record    the question comes with its record; the model answers from that
found         passages are shown below the question; the model answers from them
quoted        the passage is safety-critical: the answer is its text, word by word, without a model
declined      no passage is close enough: the answer says so, without a model; or the model said so, or stated what
              no passage states
unsure        the model was less sure of its answer than its evaluation asks for: it is declined
"""

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipelines.core.plan import Knowledge, Serving
from pipelines.gateway.own_record import brings_record
from pipelines.knowledge.search import Hit, KnowledgeIndex, SearchResult
from pipelines.text.asked_fields import AskedFields
from pipelines.text.chat_format import Message
from pipelines.text.faithfulness import choose_cited, find_unfounded
from pipelines.text.passages import Passage, lay_out
from pipelines.text.shown_message import ShownMessage, show_message

Outcome = Literal["off", "failed", "own_record", "found", "quoted", "declined", "unsure"]
# What points back to an earlier question, and cannot be looked up by itself.
FOLLOW_UP = re.compile(
    r"^\W*(?:and|or|but|also|then|same|(?:what|how) about)\b"
    r"|\b(?:it|its|that|this|they|them|their|there|those|these)\b",
    re.IGNORECASE,
)
MIN_WORDS = 4  # of a question that stands for itself
MAX_EARLIER = 3  # messages before the last one that a search takes in


class Grounding(NamedTuple):
    """What a conversation is answered from."""

    outcome: Outcome
    passages: tuple[Passage, ...] = ()  # shown to the model, or quoted
    index_version: int = 0  # 0 where none was searched
    answer: str = ""  # where no model is asked
    message: ShownMessage = ShownMessage("")  # the last question as the model is shown it, with its records

    @property
    def is_declined(self) -> bool:
        """Whether the answer is that it is not known."""
        return self.outcome in ("declined", "unsure")

    def needs_check(self, min_confidence: float) -> bool:
        """Whether a model's answer may be replaced, and is sent only when it is complete."""
        return self.outcome == "found" or self.message.from_record or self.needs_confidence(min_confidence)

    def needs_confidence(self, min_confidence: float) -> bool:
        """Whether an answer is sent only if the model is sure of it: a threshold is known, and no record decides."""
        return min_confidence > 0 and not self.message.from_record

    def is_unsure(self, answer: str, log_probs: Sequence[float], min_confidence: float, knowledge: Knowledge) -> bool:
        """Whether the model is less sure of its answer than it has to be; never where a backend does not tell.

        Args:
            log_probs: of the answer's tokens, natural logarithm.
        """
        if not self.needs_confidence(min_confidence) or not log_probs or is_declined(answer, knowledge):
            return False
        return math.exp(sum(log_probs) / len(log_probs)) < min_confidence

    def show(self, messages: Sequence[Message]) -> list[Message]:
        """The conversation as the model is asked: its last question with its records, as in rows of training."""
        if self.answer or not self.message.text:
            return list(messages)
        last = find_last_question(messages)
        return [*messages[:last], messages[last] | {"content": self.message.text}, *messages[last + 1 :]]

    def find_unfounded(self, answer: str, messages: Sequence[Message], cut_off: bool = False) -> list[str]:
        """The facts of a model's answer that neither its passages nor the conversation state; takes milliseconds.

        Args:
            messages: the conversation, without the passages.
            cut_off: the answer ends before its end.
        """
        conversation = [message["content"] for message in messages if message["role"] != "assistant"]
        return find_unfounded(answer, [lay_out([passage]) for passage in self.passages], conversation, cut_off)

    def cite(self, answer: str, messages: Sequence[Message]) -> list[Passage]:
        """The passages that an answer rests on, the one that it rests on most first."""
        if self.outcome != "found":
            return list(self.passages) if self.outcome == "quoted" else []
        texts = [lay_out([passage]) for passage in self.passages]
        return [self.passages[place] for place in choose_cited(answer, texts, find_last_text(messages))]


def ground(index: KnowledgeIndex, messages: Sequence[Message], policy: Serving, knowledge: Knowledge) -> Grounding:
    """Decide what a conversation is answered from.

    Args:
        policy: how many passages are shown, and how long they may be together with the conversation.
        knowledge: how the template declines.
    """
    questions = [message["content"] for message in messages if message["role"] == "user"]
    if not questions or brings_record(questions[-1]):
        return Grounding("own_record", index_version=index.version)
    result = search_conversation(index, questions, policy.retrieval, was_declined(messages, knowledge))
    if result is None:
        return Grounding("own_record", index_version=index.version)
    if not result.close:
        answer = f"{knowledge.decline_sentence} {knowledge.decline_help}".strip()
        return Grounding("declined", (), result.version, answer)
    if quoted := choose_quoted(result.hits):
        return Grounding("quoted", quoted, result.version, "\n".join(passage.text for passage in quoted))
    hits = [hit for hit in result.hits if hit.keys] or result.hits  # what is named exactly leaves nothing to the others
    shown = [hit.passage for hit in hits if not hit.passage.safety_critical]  # those may only be quoted
    chars_left = policy.max_prompt_chars - sum(len(message["content"]) for message in messages)
    while len(shown) > 1 and len(lay_out(shown)) > chars_left:
        shown.pop()
    return Grounding("found", tuple(shown), result.version)


def show_asked(
    grounding: Grounding, messages: Sequence[Message], asked_fields: AskedFields | None, knowledge: Knowledge
) -> Grounding:
    """Show the model of its records what the last question asks for; decline it where they do not have that.

    Args:
        asked_fields: which fields the template's questions ask for, if that is known.
    """
    if grounding.answer or not any(message["role"] == "user" for message in messages):
        return grounding
    question = find_last_text(messages)
    message = show_message("\n".join(filter(None, (question, lay_out(grounding.passages)))), asked_fields)
    if message.missing:
        return grounding._replace(outcome="declined", passages=(), answer=knowledge.decline_sentence)
    if message.text == question and not message.from_record:
        return grounding
    return grounding._replace(message=message)


def search_conversation(
    index: KnowledgeIndex, questions: Sequence[str], limit: int, declined: bool
) -> SearchResult | None:
    """Search what the last message asks; together with those before it, where it names nothing by itself.

    Args:
        questions: the user's messages, the last one last.
        declined: the message before the last was declined; a short one after it says what was missing there.
    Returns:
        None where the record is in an earlier message.
    """
    *earlier, last = questions
    if not earlier or (names_something(index, last) and not (declined and is_short(last))):
        return index.search(last, limit)
    if not (is_short(last) or FOLLOW_UP.search(last)) and (result := index.search(last, limit)).close:
        return result
    joined = [last]
    for question in reversed(earlier[-MAX_EARLIER:]):
        if brings_record(question):
            return None
        joined.insert(0, question)
        if names_something(index, question):
            break
    return index.search("\n".join(joined), limit)


def names_something(index: KnowledgeIndex, question: str) -> bool:
    """Whether a question names a code, a vehicle, a part or a VIN."""
    return any(index.find_keys(question))


def is_short(question: str) -> bool:
    """Whether a question has too few words to stand for itself."""
    return len(question.split()) < MIN_WORDS


def was_declined(messages: Sequence[Message], knowledge: Knowledge) -> bool:
    """Whether the question before the last one was declined."""
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    return bool(answers) and is_declined(answers[-1], knowledge)


def is_declined(answer: str, knowledge: Knowledge) -> bool:
    """Whether an answer is the template's decline sentence, with or without more behind it."""
    return answer.strip().casefold().startswith(knowledge.decline_sentence.strip().casefold().rstrip("."))


def choose_quoted(hits: Sequence[Hit]) -> tuple[Passage, ...]:
    """The passages to quote: where something safety-critical is asked about, the first on each thing that is named."""
    by_keys = {hit.keys: hit.passage for hit in reversed(hits) if hit.keys}
    named = [hit.passage for hit in hits if by_keys.get(hit.keys) is hit.passage]
    chosen = tuple(named or [hit.passage for hit in hits[:1]])
    return chosen if any(passage.safety_critical for passage in chosen) else ()


def find_last_text(messages: Sequence[Message]) -> str:
    """The text of the user's last message; empty if there is none."""
    return next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")


def find_last_question(messages: Sequence[Message]) -> int:
    """The place of the user's last message."""
    return max(place for place, message in enumerate(messages) if message["role"] == "user")
