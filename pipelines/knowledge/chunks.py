"""Cut a document into passages: below one heading and on one page, as long as allowed, tables with their header.

The template's policy on personal data is applied here, before anything is embedded. A passage that the policy drops is
withheld, and so is one that gives orders to the assistant.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipelines.core.plan import Privacy, TrainingPlan
from pipelines.knowledge.reading import Block
from pipelines.text.passages import TITLE_JOINT, Passage, is_safety_critical, text_keys
from pipelines.text.privacy import derive_key, protect_text

SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n")
TITLE_END = "\n\0\n"  # occurs in no text, and no pattern of personal data matches across it
HEADER_LINES = 2  # of a Markdown table: the names of the columns, and dashes
ORDER_TO_ASSISTANT = re.compile(
    r"\b(ignore|disregard|forget|override|bypass)\b[^.\n]{0,40}\b(instructions?|prompts?|guidelines)\b"
    r"|\b(reveal|print|repeat|show)\b[^.\n]{0,30}\bsystem prompt\b"
    r"|\byou are (now|no longer) (an?|the|my|bound)\b"
    r"|\b(ignora|olvida|omite)[rd]?\b[^.\n]{0,40}\binstrucciones\b"
    r"|\bignoriere?\b[^.\n]{0,40}\banweisungen\b"
    r"|\b(ignore[rz]?|oublie[rz]?)\b[^.\n]{0,40}\bconsignes\b",
    re.IGNORECASE,
)


class Withheld(NamedTuple):
    """A passage that is not indexed; its text is in the document alone."""

    title: str
    page: int
    reason: str


def make_passages(
    document: str, blocks: Iterable[Block], plan: TrainingPlan, since: str
) -> Iterator[Passage | Withheld]:
    """The passages of a document, in its order.

    An id is made of the document's name, the headings and a number below them: it stays when the document is replaced
    by another version, and a change of one section moves no other.

    Args:
        document: its name.
        since: the day of this version, ISO 8601.
    """
    policy, key, numbers = without_pseudonyms(plan.privacy), derive_key(plan.template), Counter[str]()
    for block in merge_blocks(blocks, plan.knowledge.passage_chars):
        title = TITLE_JOINT.join((document, *block.headings))
        protected = protect_text(title + TITLE_END + block.text, policy, key)
        title, _, text = protected.text.partition(TITLE_END)
        if protected.drop:
            kinds = [kind for kind in protected.entities if getattr(plan.privacy, kind) == "drop"]
            yield Withheld(title, block.page, f"personal data: {', '.join(kinds)}")
        elif ORDER_TO_ASSISTANT.search(text) or ORDER_TO_ASSISTANT.search(title):
            yield Withheld(title, block.page, "an order to the assistant, not information")
        else:
            headings = title.split(TITLE_JOINT)[1:]
            place = "/".join(slug(heading) for heading in headings)
            numbers[place] += 1
            yield Passage(
                id=f"{document}#{place}:{numbers[place]}",
                text=text,
                title=title,
                source=document,
                page=block.page,
                keys=(*text_keys(f"{title}\n{text}"), *masked_vins(block.text, text)),
                safety_critical=is_safety_critical(text),
                since=since,
            )


def without_pseudonyms(policy: Privacy) -> Privacy:
    """The policy with masks for pseudonyms: nobody may be told a made-up telephone number."""
    kinds = [name for name, value in policy if value == "pseudonymise"]
    return policy.model_copy(update=dict.fromkeys(kinds, "mask"))


def masked_vins(text: str, protected: str) -> tuple[str, ...]:
    """The keys of VINs that are masked: they are of maker, vehicle and year, and name no single vehicle."""
    shown = text_keys(protected)
    return tuple(key for key in text_keys(text) if key.startswith("vin:") and key not in shown)


def merge_blocks(blocks: Iterable[Block], most: int) -> Iterator[Block]:
    """Neighbours below the same headings on the same page as one, up to `most` characters; longer ones in parts."""
    waiting: Block | None = None
    for block in blocks:
        for part in split_block(block, most):
            joined = waiting and waiting[1:3] == part[1:3] and "record" not in (waiting.kind, part.kind)
            if waiting and joined and len(waiting.text) + len(part.text) < most:
                waiting = waiting._replace(text=f"{waiting.text}\n\n{part.text}")
                continue
            if waiting:
                yield waiting
            waiting = part
    if waiting:
        yield waiting


def split_block(block: Block, most: int) -> Iterator[Block]:
    """A block in parts of at most `most` characters: between the rows of a table, else at the ends of sentences."""
    if len(block.text) <= most:
        yield block
        return
    lines = block.text.split("\n")
    header = "\n".join([*lines[:HEADER_LINES], ""]) if block.kind == "table" else ""
    pieces = lines[HEADER_LINES:] if block.kind == "table" else SENTENCE_END.split(block.text)
    joint = "\n" if block.kind == "table" else " "
    part = ""
    for piece in (short for long in pieces for short in cut(long.strip(), most) if short):
        if part and len(header) + len(part) + len(piece) + 1 > most:
            yield block._replace(text=header + part)
            part = ""
        part = f"{part}{joint}{piece}" if part else piece
    if part:
        yield block._replace(text=header + part)


def cut(text: str, most: int) -> Iterator[str]:
    """A text without an end of a sentence for more than `most` characters, in parts; between words where it has any."""
    while len(text) > most:
        at = text.rfind(" ", most // 2, most)
        at = at if at > 0 else most
        yield text[:at]
        text = text[at:].lstrip()
    yield text


def slug(heading: str) -> str:
    """A heading as part of an id: lower case, words joined by hyphens, at most 60 characters."""
    return re.sub(r"[\W_]+", "-", heading.casefold()).strip("-")[:60]
