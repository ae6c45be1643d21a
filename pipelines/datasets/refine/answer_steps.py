"""Drop answers that would teach a fault: contradictory answers, truncated answers, and prompt or template leakage."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.duplicates import (
    QUESTION_COLUMNS,
    factorize,
    key_array,
    normalised_words,
    row_texts,
    text_key,
)
from pipelines.datasets.refine.engine import KEPT, GlobalStep, first_reason

# Text that a chat template, a prompt or a form leaves in a row; in RE2's syntax.
LEFTOVERS = "|".join(
    (
        r"<\|\w+\|>|</?s>|\[/?INST\]|<</?SYS>>",
        r"(?m:^)\s*(?:###\s*(?:Response|Instruction|Input|Human|Assistant|System)\b|(?:Human|Assistant):)",
        # Placeholders that nobody filled in.
        r"\{\{?\s*[A-Za-z_][\w. ]*\}?\}|\[(?:INSERT|YOUR|PLACEHOLDER|TODO|TBD)\b[^\]]*\]|(?i:lorem ipsum)",
    )
)
ASSISTANT_PHRASE = r"(?i)\b(?:as|I am|I'm) an? (?:AI|artificial intelligence|(?:large )?language model)\b"
SENTENCE_END = r"""[.!?…。]["'”\x{2019})\]*_`]*$|```$"""  # ends a sentence
HANGING = r"(?i)(?:[,;:\x{2013}—-]|\b(?:a|an|the|and|or|of|with|your|because))$"
SENTENCE_CHARS = 20  # a shorter answer need not end like a sentence
FULL_STOP_SHARE = 0.9  # share of a topic's answers that end a sentence, from which one that does not is truncated
MIN_ANSWERS = 20  # of a topic, below which there is no such rule
SHOWN_CHARS = 80
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("“", "”"))


def prepare(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Keys of question and answer, faults of the answer by itself, and whether it ends like a sentence."""
    questions, output = row_texts(batch, QUESTION_COLUMNS), batch["output"].combine_chunks()
    return pa.table(
        {
            "question": key_array(
                text_key(*(" ".join(normalised_words(text)) for text in texts)) for texts in questions
            ),
            "answer": key_array(text_key(" ".join(normalised_words(text))) for text in output.to_pylist()),
            "topic": batch["topic"],
            "fault": find_answer_faults(batch["instruction"].combine_chunks(), output),
            "sentence": pc.greater_equal(pc.utf8_length(output), SENTENCE_CHARS),
            "final": pc.match_substring_regex(output, SENTENCE_END),
        }
    )


def comparable(text: str) -> str:
    """A text without what two equal answers may differ in: case, punctuation and stop words."""
    return " ".join(normalised_words(text))


def find_answer_faults(instruction: pa.Array, output: pa.Array) -> pa.Array:
    """For each answer the first fault that it has by itself, or null."""
    leaks = pc.or_(pc.match_substring_regex(output, LEFTOVERS), pc.match_substring_regex(instruction, LEFTOVERS))
    open_ended = pc.equal(pc.bit_wise_and(pc.count_substring(output, "```"), 1), 1)
    for opening, closing in BRACKETS:
        unclosed = pc.greater(pc.count_substring(output, opening), pc.count_substring(output, closing))
        open_ended = pc.or_(open_ended, unclosed)
    hanging = pc.and_(
        pc.match_substring_regex(output, HANGING), pc.greater_equal(pc.utf8_length(output), SENTENCE_CHARS)
    )
    faults = {
        "template leakage": leaks,
        "template leakage: speaks as an assistant": pc.match_substring_regex(output, ASSISTANT_PHRASE),
        "truncated answer: an open bracket or code block": open_ended,
        "truncated answer: ends in mid-sentence": hanging,
    }
    return first_reason(faults)


def decide(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """The fault that `prepare` found; else a missing full stop, if the topic's answers have one; else a contradiction.

    Contradictory answers differ in more than case, punctuation and stop words. All of them are dropped, because nothing
    says which is right.
    """
    reasons = sketches["fault"].combine_chunks()
    unfinished = pa.array(find_unfinished(sketches))
    reasons = pc.coalesce(
        reasons, pc.if_else(unfinished, "truncated answer: other answers on its topic end with a full stop", KEPT)
    )
    return pc.coalesce(
        reasons, pa.array(find_contradictions(sketches, pc.is_null(reasons).to_numpy(False), rows), pa.string())
    )


def find_unfinished(sketches: pa.Table) -> np.ndarray:
    """Whether an answer lacks the full stop that answers of its topic normally have; a boolean per row."""
    is_sentence, ends_sentence = (sketches[column].to_numpy() for column in ("sentence", "final"))
    topics = factorize(sketches["topic"])
    sentences, ended = np.bincount(topics, is_sentence), np.bincount(topics, is_sentence & ends_sentence)
    rule = (sentences >= MIN_ANSWERS) & (ended >= FULL_STOP_SHARE * sentences)
    return np.asarray(is_sentence & ~ends_sentence & rule[topics])


def find_contradictions(sketches: pa.Table, candidates: np.ndarray, rows: pa.Table) -> np.ndarray:
    """For each row the reason that it contradicts another, or None; only candidates are compared."""
    questions, answers = (factorize(sketches[column]).astype(np.int64) for column in ("question", "answer"))
    numbers, reasons = np.flatnonzero(candidates), np.full(len(rows), None, dtype=object)
    _, first = np.unique(questions[candidates] * len(rows) + answers[candidates], return_index=True)
    different = numbers[np.sort(first)]  # rows that are the first to give an answer to a question
    counts = np.bincount(questions[different], minlength=len(rows))
    given_answers: dict[int, list[str]] = {}
    for number in different[counts[questions[different]] > 1]:
        given_answers.setdefault(questions[number], []).append(rows["output"][int(number)].as_py()[:SHOWN_CHARS])
    for number in numbers[counts[questions[candidates]] > 1]:
        first_answer, other_answer, *_ = given_answers[questions[number]]
        reasons[number] = f"contradictory answers: '{first_answer}' and '{other_answer}'"
    return reasons


answers = GlobalStep(prepare, decide)
