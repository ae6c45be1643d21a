"""Steps that need one row at a time: normalise texts; drop other languages, odd lengths and repetitive answers."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.clients.token_counter import token_counter
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.engine import first_reason

# ---- normalise

# A text that this does not match is printable ASCII with single spaces, no tag and no entity: nothing to normalise.
SUSPECT = r"[^\x20-\x7e]|  |^ | $|[<&]"
# Known elements only: "pressure < 30 psi", "<VIN>" and chat markers such as "<s>" are not HTML.
BREAKS = "address article blockquote br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li main ol p pre section"
BREAKS = (BREAKS + " table tbody td tfoot th thead tr ul").replace(" ", "|")
INLINE = "a abbr b big center cite code del em font i img ins kbd mark q small span strike strong sub sup tt u var"
INLINE = (INLINE + " body head html link meta title").replace(" ", "|")
HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>"']+))*\s*/?>"""
BREAK = re.compile(rf"</?(?:{BREAKS}){ATTRIBUTES}", re.IGNORECASE)
TAG = re.compile(rf"</?(?:{INLINE}){ATTRIBUTES}", re.IGNORECASE)


def normalise(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Normalise texts and facts: no HTML, no mojibake, NFC, single spaces, no blank lines."""
    for column in ("instruction", "input", "output"):
        batch = replace_where(batch, column, SUSPECT, clean_text)
    batch = replace_where(batch, "facts", rf"{SUSPECT}|\\", clean_facts)
    return batch.append_column("reason", pa.nulls(len(batch), pa.string()))


def replace_where(batch: pa.Table, column: str, pattern: str, function: Callable[[str], str]) -> pa.Table:
    """Apply a function to the texts of a column that match a pattern; the others never leave Arrow, which is faster."""
    texts = batch[column].combine_chunks()
    suspect = pc.match_substring_regex(texts, pattern)
    cleaned = [function(text) for text in texts.filter(suspect).to_pylist()]
    texts = pc.replace_with_mask(texts, suspect, pa.array(cleaned, pa.string())) if cleaned else texts
    return batch.set_column(batch.column_names.index(column), column, texts)


def clean_text(text: str) -> str:
    """A text without HTML, mojibake, blank lines and repeated spaces."""
    import ftfy

    if "<" in text:
        text = TAG.sub("", BREAK.sub("\n", HIDDEN.sub("", text)))
    if "&" in text or not (text.isascii() and text.isprintable()):
        text = ftfy.fix_text(
            text, unescape_html=True, uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False
        )
    lines = (" ".join(line.split()) for line in unicodedata.normalize("NFC", text).splitlines())
    return "\n".join(filter(None, lines))


def clean_facts(facts: str) -> str:
    """Facts as JSON, with cleaned values."""
    return canonical_json({name: clean_text(value) for name, value in json.loads(facts).items()})


# ---- language

# Probabilities from which a text is surely in another language: of that language, and of the expected one. Of 12,000
# English chat messages, which are hard to identify, these limits drop one, and that one is Spanish.
LIKELY, HARDLY = 0.5, 0.001
JUDGED_CHARS = (40, 200)  # shorter texts are too uncertain; of longer ones the beginning is enough
# Common words identify English in a hundredth of the model's time; the model runs only on texts with few of them.
# Not among them: words that other languages have too, as in, on, so and or.
ENGLISH_WORDS = (
    r"(?i)\b(?:the|and|you|your|what|which|how|this|that|with|for|have|has|does|are|my|it|its|it's|i'm|don't|they|them"
    r"|there|their|about|would|could|should|know|think|really|because|been|from|when|where|who|good|like|just|can|not"
    r"|but|is|was|of|to|be|if|get|any|did|we|he|she|that's|he's|you're|can't|didn't|doesn't|i've)\b"
)
MIN_ENGLISH_WORDS = 3


def language(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Drop rows whose question or answer is surely not in `plan.refine.language`; keep texts too short to identify."""
    expected = plan.refine.language
    if expected not in language_identifier().labels:
        labels = ", ".join(language_identifier().labels)
        raise WeaverError(f"refine.language: '{expected}' is not a supported language", f"Choose one of: {labels}.")
    reasons = [
        detect_other_language(batch[column].combine_chunks(), column, expected) for column in ("instruction", "output")
    ]
    return batch.append_column("reason", pc.coalesce(*reasons))


def detect_other_language(texts: pa.Array, column: str, expected: str) -> pa.Array:
    """For each text the reason that it is in another language, or null."""
    fewest, most = JUDGED_CHARS
    beginnings = pc.utf8_slice_codeunits(texts, 0, most)
    judged = pc.greater_equal(pc.utf8_length(beginnings), fewest)
    if expected == "en":
        judged = pc.and_(judged, pc.less(pc.count_substring_regex(beginnings, ENGLISH_WORDS), MIN_ENGLISH_WORDS))
    reasons = []
    for text in beginnings.filter(judged).to_pylist():
        ranked = language_identifier().rank(text)
        language, probability = ranked[0]
        sure = probability >= LIKELY and dict(ranked)[expected] <= HARDLY
        reasons.append(f"not in {expected}: {column} in {language}" if sure else None)
    return pc.replace_with_mask(pa.nulls(len(texts), pa.string()), judged, pa.array(reasons, pa.string()))


@cache
def language_identifier() -> Any:
    """The py3langid model, loaded once."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


# ---- length


def length(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Drop rows with a text shorter or longer than the plan allows, in characters; or with too many tokens to train."""
    limits = plan.refine
    allowed = {
        "instruction": (limits.min_instruction_chars, limits.max_instruction_chars),
        "input": (0, limits.max_input_chars),
        "output": (limits.min_output_chars, limits.max_output_chars),
    }
    faults: dict[str, Any] = {}
    for column, (fewest, most) in allowed.items():
        chars = pc.utf8_length(batch[column])
        faults |= {f"{column} too short": pc.less(chars, fewest), f"{column} too long": pc.greater(chars, most)}
    return batch.append_column("reason", pc.coalesce(first_reason(faults), count_tokens(batch, plan)))


def count_tokens(batch: pa.Table, plan: TrainingPlan) -> pa.Array:
    """For each row that has more tokens than fine-tuning takes the reason, which names its file and line; or null."""
    counter = token_counter(plan.base.model, plan.system_prompt)
    rows = batch.select(["instruction", "input", "output"]).to_pylist()
    reasons = [
        f"too many tokens: {tokens} in {source}, train.max_length is {plan.train.max_length}" if tokens else None
        for tokens, source in zip(counter.excess(rows, plan.train.max_length), batch["source"].to_pylist(), strict=True)
    ]
    return pa.array(reasons, pa.string())


# ---- repetition

TRIGRAM, MIN_TRIGRAMS = 3, 10  # an answer with fewer may repeat itself
MIN_WORDS, MAX_WORD_SHARE = 6, 0.6  # an answer of so many words is not that much one word
MIN_PASTED_CHARS = 12  # of a text that stands twice; shorter ones may, as in "no no no no"


def repetition(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Drop rows whose answer repeats its word trigrams, beyond `plan.refine.max_repetition`, or was pasted twice."""
    answers = batch["output"].combine_chunks()
    judged = pc.greater_equal(pc.utf8_length(answers), 2 * MIN_PASTED_CHARS)
    reasons = [
        "pasted twice"
        if is_pasted_twice(text)
        else f"repetitive: {share:.0%} of it"
        if (share := repeated_share(text)) > plan.refine.max_repetition
        else None
        for text in answers.filter(judged).to_pylist()
    ]
    column = pa.nulls(len(batch), pa.string())
    return batch.append_column("reason", pc.replace_with_mask(column, judged, pa.array(reasons, pa.string())))


def repeated_share(text: str) -> float:
    """The share of a text's word trigrams that repeat an earlier one; 0 for a text with few words.

    A text that is mostly one word repeats itself from fewer words on; then it is that word's share.
    """
    words = text.casefold().split()
    grams = len(words) - TRIGRAM + 1
    if grams < MIN_TRIGRAMS:
        share = Counter(words).most_common(1)[0][1] / len(words) if len(words) >= MIN_WORDS else 0.0
        return share if share > MAX_WORD_SHARE else 0.0
    return 1 - len(set(zip(words, words[1:], words[2:], strict=False))) / grams


def is_pasted_twice(text: str) -> bool:
    """Whether a text is one text of some words and at least MIN_PASTED_CHARS, twice, with at most a space between."""
    half = len(text) // 2
    return half >= MIN_PASTED_CHARS and text[:half].rstrip() == text[-half:].lstrip() and " " in text[:half].strip()
