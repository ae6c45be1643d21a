"""Drop answers that would teach a fault: truncated answers, and prompt or template leakage."""

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine import truncation
from pipelines.datasets.refine.engine import KEPT, GlobalStep, first_reason
from pipelines.text.chat_format import CONTROL_TOKEN
from pipelines.text.no_value import is_no_value

# Text that a prompt or a form leaves in an answer; in RE2's syntax.
LEFTOVERS = "|".join(
    (
        CONTROL_TOKEN,
        r"(?m:^)\s*(?:###\s*(?:Response|Instruction|Input|Human|Assistant|System)\b|(?:Human|Assistant):)",
        # Placeholders that nobody filled in; "{Stuff deleted}" is somebody's remark.
        r"\{\{\s*[A-Za-z_][\w. ]*\}\}|\{(?:[a-z][a-z0-9_.]*|[A-Z][A-Z0-9_]*)\}",
        # "[TODO: price]" in somebody's row: these are patterns for data, no open work of this code.
        r"\[(?:INSERT|YOUR|PLACEHOLDER|TODO|TBD)\b[^\]]*\]|(?i:lorem ipsum)",
    )
)
ASSISTANT_PHRASE = r"(?i)\b(?:as|I am|I'm) an? (?:AI|artificial intelligence|(?:large )?language model)\b"


def prepare(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Faults of the row by itself, and what tells whether its answer was cut off."""
    output = batch["output"].combine_chunks()
    return pa.table(
        {
            "fault": find_answer_faults(batch),
            "file": truncation.file_names(batch["source"]),
            "chars": batch["output_chars"],
            "endless": truncation.has_no_end(output),
        }
    )


def find_answer_faults(batch: pa.Table) -> pa.Array:
    """For each row the first fault that it has by itself, or null."""
    instruction, context, output = (batch[column].combine_chunks() for column in ("instruction", "input", "output"))
    leaks = pc.or_(pc.match_substring_regex(output, LEFTOVERS), pc.match_substring_regex(instruction, LEFTOVERS))
    open_code = pc.equal(pc.bit_wise_and(pc.count_substring(output, "```"), 1), 1)
    repeated = pc.or_(pc.equal(output, instruction), pc.fill_null(pc.equal(output, last_turn(context)), False))
    faults = {
        "no answer": pa.array(map(is_no_value, output.to_pylist()), pa.bool_()),
        "no answer: repeats the question": repeated,
        "garbled: characters that could not be decoded": pc.match_substring(output, "\ufffd"),
        "template leakage": leaks,
        "template leakage: a control token in the input": pc.match_substring_regex(context, CONTROL_TOKEN),
        "template leakage: speaks as an assistant": pc.match_substring_regex(output, ASSISTANT_PHRASE),
        "truncated answer: an open code block": open_code,
        "truncated answer: ends in mid-sentence": truncation.find_unfinished_sentences(output),
        "truncated answer: ends in the middle of a word": truncation.find_cut_words(output),
    }
    return first_reason(faults)


def last_turn(context: pa.Array) -> pa.Array:
    """The last line of each input if somebody asks or says something there ("Customer: which one?"), else null."""
    turn = pc.extract_regex(context, r"(?P<line>[^\n]*\?|(?i:customer|caller|client):[^\n]*)$")
    return pc.struct_field(turn, "line")


def decide(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """The fault that `prepare` found; else that the answer was cut at its source's limit."""
    cut = truncation.find_cut_by_limit(*(sketches[column] for column in ("file", "chars", "endless")))
    return pc.coalesce(
        sketches["fault"].combine_chunks(),
        pc.if_else(pa.array(cut), "truncated answer: ends at the length limit of its source", KEPT),
    )


answers = GlobalStep(prepare, decide)
