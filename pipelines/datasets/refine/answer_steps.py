"""Answers that would teach something wrong: two to one question, one that breaks off, one with a template's remains."""

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

# What a chat template, a prompt or an assistant leaves behind; in RE2's syntax.
LEFTOVERS = "|".join(
    (
        r"<\|\w+\|>|</?s>|\[/?INST\]|<</?SYS>>",
        r"(?m:^)\s*(?:###\s*(?:Response|Instruction|Input|Human|Assistant|System)\b|(?:Human|Assistant):)",
        # Words that a person left to be filled in, in the rows: not notes of ours.
        r"\{\{?\s*[A-Za-z_][\w. ]*\}?\}|\[(?:INSERT|YOUR|PLACEHOLDER|TODO|TBD)\b[^\]]*\]|(?i:lorem ipsum)",
    )
)
ASSISTANT_PHRASE = r"(?i)\b(?:as|I am|I'm) an? (?:AI|artificial intelligence|(?:large )?language model)\b"
SENTENCE_END = r"""[.!?…。]["'”\x{2019})\]*_`]*$|```$"""  # ends a sentence
HANGING = r"(?i)(?:[,;:\x{2013}—-]|\b(?:a|an|the|and|or|of|with|your|because))$"
SENTENCE_CHARS = 20  # a shorter answer need not be a sentence
FULL_STOP_SHARE = 0.9  # share of a topic's answers from which "they end with a full stop" is the rule
MIN_ANSWERS = 20  # answers from which there is a rule
SHOWN_CHARS = 80
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("“", "”"))


def prepare(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Keys of question and answer, what is wrong with the answer by itself, and whether it ends as a sentence does."""
    asked, output = row_texts(batch, QUESTION_COLUMNS), batch["output"].combine_chunks()
    return pa.table(
        {
            "question": key_array(text_key(*(" ".join(normalised_words(text)) for text in said)) for said in asked),
            "answer": key_array(text_key(" ".join(normalised_words(text))) for text in output.to_pylist()),
            "topic": batch["topic"],
            "wrong": find_answer_faults(batch["instruction"].combine_chunks(), output),
            "sentence": pc.greater_equal(pc.utf8_length(output), SENTENCE_CHARS),
            "final": pc.match_substring_regex(output, SENTENCE_END),
        }
    )


def find_answer_faults(instruction: pa.Array, output: pa.Array) -> pa.Array:
    """What is wrong with an answer taken alone."""
    leaks = pc.or_(pc.match_substring_regex(output, LEFTOVERS), pc.match_substring_regex(instruction, LEFTOVERS))
    open_ended = pc.equal(pc.bit_wise_and(pc.count_substring(output, "```"), 1), 1)
    for opening, closing in BRACKETS:
        unclosed = pc.greater(pc.count_substring(output, opening), pc.count_substring(output, closing))
        open_ended = pc.or_(open_ended, unclosed)
    hanging = pc.and_(
        pc.match_substring_regex(output, HANGING), pc.greater_equal(pc.utf8_length(output), SENTENCE_CHARS)
    )
    found = {
        "template leakage": leaks,
        "template leakage: speaks as an assistant": pc.match_substring_regex(output, ASSISTANT_PHRASE),
        "truncated answer: something is left open": open_ended,
        "truncated answer: ends in mid-sentence": hanging,
    }
    return first_reason(found)


def decide(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """What `prepare` found wrong; else a missing full stop where its topic has them; else another answer to the same.

    Of contradictory answers, which differ in more than case, punctuation and courtesy, all go: nothing says which is
    right.
    """
    reasons = sketches["wrong"].combine_chunks()
    unfinished = pa.array(find_unfinished(sketches))
    reasons = pc.coalesce(reasons, pc.if_else(unfinished, "truncated answer: its topic's end with a full stop", KEPT))
    return pc.coalesce(
        reasons, pa.array(find_contradictions(sketches, pc.is_null(reasons).to_numpy(False), rows), pa.string())
    )


def find_unfinished(sketches: pa.Table) -> np.ndarray:
    """Sentences without an end, where those of their topic normally have one."""
    sentence, final = (sketches[column].to_numpy() for column in ("sentence", "final"))
    topics = factorize(sketches["topic"])
    sentences, ended = np.bincount(topics, sentence), np.bincount(topics, sentence & final)
    rule = (sentences >= MIN_ANSWERS) & (ended >= FULL_STOP_SHARE * sentences)
    return sentence & ~final & rule[topics]


def find_contradictions(sketches: pa.Table, judged: np.ndarray, rows: pa.Table) -> np.ndarray:
    """For each of the judged rows what contradicts it, or None."""
    questions, answers = (factorize(sketches[column]).astype(np.int64) for column in ("question", "answer"))
    numbers, reasons = np.flatnonzero(judged), np.full(len(rows), None, dtype=object)
    _, first = np.unique(questions[judged] * len(rows) + answers[judged], return_index=True)
    different = numbers[np.sort(first)]  # rows that are the first to give an answer to a question
    counts = np.bincount(questions[different], minlength=len(rows))
    given: dict[int, list[str]] = {}
    for number in different[counts[questions[different]] > 1]:
        given.setdefault(questions[number], []).append(rows["output"][int(number)].as_py()[:SHOWN_CHARS])
    for number in numbers[counts[questions[judged]] > 1]:
        one, other, *_ = given[questions[number]]
        reasons[number] = f"contradictory answers: {one!r} and {other!r}"
    return reasons


answers = GlobalStep(prepare, decide)
