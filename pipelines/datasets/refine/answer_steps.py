"""Drop answers that would teach a fault: truncated answers, and prompt or template leakage."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.duplicates import factorize
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
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("“", "”"))


def prepare(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Faults of each answer by itself, and whether it ends like a sentence."""
    output = batch["output"].combine_chunks()
    return pa.table(
        {
            "topic": batch["topic"],
            "fault": find_answer_faults(batch["instruction"].combine_chunks(), output),
            "sentence": pc.greater_equal(pc.utf8_length(output), SENTENCE_CHARS),
            "final": pc.match_substring_regex(output, SENTENCE_END),
        }
    )


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
    """The fault that `prepare` found; else a missing full stop, if the topic's answers have one."""
    unfinished = pa.array(find_unfinished(sketches))
    missing = pc.if_else(unfinished, "truncated answer: other answers on its topic end with a full stop", KEPT)
    return pc.coalesce(sketches["fault"].combine_chunks(), missing)


def find_unfinished(sketches: pa.Table) -> np.ndarray:
    """Whether an answer lacks the full stop that answers of its topic normally have; a boolean per row."""
    is_sentence, ends_sentence = (sketches[column].to_numpy() for column in ("sentence", "final"))
    topics = factorize(sketches["topic"])
    sentences, ended = np.bincount(topics, is_sentence), np.bincount(topics, is_sentence & ends_sentence)
    rule = (sentences >= MIN_ANSWERS) & (ended >= FULL_STOP_SHARE * sentences)
    return np.asarray(is_sentence & ~ends_sentence & rule[topics])


answers = GlobalStep(prepare, decide)
