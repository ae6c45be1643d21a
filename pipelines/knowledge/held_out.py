"""Questions of a template whose right passage is known: what an index must find. No model answers them.

They come from whoever does not write the retrieval: held-out rows of the newest dataset version that name a record of
the kit, questions that a kit brings with its records, and the headings of documents.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.files import digest, read_jsonl
from pipelines.core.kits import find_knowledge_sources
from pipelines.core.plan import TrainingPlan
from pipelines.knowledge.retrieval_metrics import count_facts
from pipelines.text.passages import TITLE_JOINT, Passage, text_keys

KINDS = ("grounded", "knowledge")  # of rows; the others are declined
MOST = 400  # questions of each origin
MIN_HEADING_WORDS = 2
WORD = re.compile(r"[^\W_]+")
Row = Mapping[str, Any]


class HeldOutQuestion(NamedTuple):
    """A question, and the passages of which each answers it."""

    text: str
    records: frozenset[str]  # ids
    facts: tuple[str, ...]  # that an answer must state
    cluster: str  # what it is about: questions of one cluster are found or missed together

    def is_answered_by(self, passage: Passage) -> bool:
        """Whether a passage answers it."""
        return passage.id in self.records


def collect_questions(
    plan: TrainingPlan, dataset: DatasetVersion | None, passages: Sequence[Passage], kept: Iterable[str]
) -> list[HeldOutQuestion]:
    """The questions that these passages answer, at most MOST of each origin, always the same ones.

    Args:
        dataset: whose held-out rows are asked; None: there is none yet.
        passages: of the version that a new one is compared with.
        kept: ids of the new version's passages. A document that was removed is not asked about; a record of the kit is.
    """
    rows = read_jsonl(Path(dataset.uri) / "heldout.jsonl") if dataset and dataset.version else []
    ids = set(kept)
    return [
        *sample(dataset_questions(rows, passages)),
        *sample(kit_questions(plan, passages)),
        *sample(heading_questions([passage for passage in passages if passage.id in ids])),
    ]


def sample(questions: Iterable[HeldOutQuestion]) -> list[HeldOutQuestion]:
    """At most MOST of the questions; which ones depends on their texts alone."""
    return sorted(questions, key=lambda question: digest(question.text))[:MOST]


def dataset_questions(rows: Iterable[Row], passages: Sequence[Passage]) -> Iterator[HeldOutQuestion]:
    """Rows that name the record that answers them.

    A row that brought its record is asked with the name of what that is about, as somebody without it would ask.
    """
    by_name: dict[str, list[Passage]] = defaultdict(list)
    by_key: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        for name in (passage.id, f"{passage.source}/{passage.id.rpartition(':')[2]}", passage.text):
            by_name[name].append(passage)
        for key in passage.keys:
            by_key[key].append(passage)
    for row in rows:
        if row.get("kind") not in KINDS or not row.get("key"):
            continue
        source = str(row["source"]).rpartition(" over ")[2]
        names = (row["input"], row["key"], f"{source}/{row['key']}")
        named = next((by_name[name] for name in names if name in by_name), [])
        if not named:
            continue
        about = subject_of(named[0])
        facts = tuple(map(str, row["facts"].values()))
        alike = [passage for key in named[0].keys for passage in by_key[key] if count_facts([passage], facts) == 1]
        yield HeldOutQuestion(
            row["instruction"] if is_about(row["instruction"], named[0]) else f"{row['instruction']}\n{about}",
            frozenset(passage.id for passage in (*named, *alike)),
            facts if count_facts(named, facts) == 1 else (),  # what has to be worked out is in no passage
            about,
        )


def subject_of(passage: Passage) -> str:
    """What a record is about, without which of its sides: `2021 Honda Civic` of `2021 Honda Civic: equipment`."""
    return passage.title.partition(":")[0]


def is_about(text: str, passage: Passage) -> bool:
    """Whether a text names what a passage is about: a key of it, or two words of its subject."""
    subject, words = (set(WORD.findall(part.casefold())) for part in (subject_of(passage), text))
    return bool(set(text_keys(text)) & set(passage.keys)) or len(subject & words) > 1


def kit_questions(plan: TrainingPlan, passages: Sequence[Passage]) -> Iterator[HeldOutQuestion]:
    """The questions that the kits bring with their records: `questions()` of a knowledge source, where it has them."""
    modules, titles = find_knowledge_sources(), {passage.id: passage.title for passage in passages}
    for source in plan.knowledge.sources:
        module = import_module(modules[source])
        for text, records in module.questions() if hasattr(module, "questions") else ():
            if held := [record for record in records if record in titles]:
                yield HeldOutQuestion(text, frozenset(held), (), titles[held[0]])


def heading_questions(passages: Iterable[Passage]) -> Iterator[HeldOutQuestion]:
    """The headings of documents, each answered by what stands below it, in whichever document."""
    below: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        heading = passage.headings.rpartition(TITLE_JOINT)[2]
        if len(WORD.findall(heading)) >= MIN_HEADING_WORDS:
            below[heading.casefold()].append(passage)
    for heading, beneath in below.items():
        ids = frozenset(passage.id for passage in beneath)
        yield HeldOutQuestion(heading, ids, (), beneath[0].source)
