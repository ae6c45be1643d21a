"""The knowledge base: what is found by each retriever and by all of them, how fast, and how fresh the index stays.

Three kinds of questions, none by whoever writes the retrieval:
- people's questions (texts/questions_a.jsonl, seen; _b, not opened): one counts as found if a passage says the facts of
  its answer and is of the code or vehicle that is asked about;
- `names`: the 198 guided codes by the names that python-OBD gives them, which the guide does not use;
- `summaries`: the guide's 69 summaries, looked for among 2,066 names.
"""

import asyncio
import json
import math
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.plan import Knowledge, Serving
from pipelines.core.routes import Route
from pipelines.core.settings import settings
from pipelines.gateway.catalogue import Entry
from pipelines.gateway.prometheus import Metrics
from pipelines.gateway.retrieval import Retriever
from pipelines.kits.automotive.records import obd, trouble_codes
from pipelines.knowledge.index import build_index, open_table, switch_index, sync_index
from pipelines.knowledge.live import LiveIndex, load_index
from pipelines.knowledge.search import KnowledgeIndex
from pipelines.text import embedder
from pipelines.text.passages import Passage

from .own_home import own_home

TEXTS = Path(__file__).with_name("texts")
TEMPLATE = "service_advisor"
CODE = re.compile(r"(?<!\w)([pu]?)[ -]?([o0-3]\d{3})(?!\w)", re.IGNORECASE)
RETRIEVERS = ("bm25", "embedding", "fused", "all")
DEEP = 10
Ranking = list[Passage]
Question = tuple[str, Callable[[Passage], bool]]  # with whether a passage answers it


def run(chunks: int) -> dict[str, Any]:
    """Measure in a home of its own, whose word vectors are those of this installation.

    Returns:
        recall_at_1, recall_at_5, ndcg_at_10: set of questions → retriever → figure; close: share of the questions of a
        category for which the best passage counts as close enough; p95_ms and p50_ms of a search with `chunks`
        passages; gateway_p95_ms: of the same in the gateway, off its event loop; chunks_per_s: read, embedded and
        written; reembedded_share after one chunk in a hundred changed;
        seconds_until_gone: from the removal of a passage until a server does not find it; load_s of the whole index.
    """
    vectors = settings().home / "embedder"
    with own_home() as home:
        if vectors.is_dir():
            (home / "embedder").symlink_to(vectors)
        embedder.load_word_vectors()
        sync_index(TEMPLATE)
        index = load_index(TEMPLATE)
        figures = measure_quality(index)
        return figures | measure_scale(index, chunks)


def measure_quality(index: KnowledgeIndex) -> dict[str, Any]:
    """recall_at_1, recall_at_5, ndcg_at_10 and close of all sets of questions."""
    figures: dict[str, Any] = {"recall_at_1": {}, "recall_at_5": {}, "ndcg_at_10": {}, "close": {}}
    sets = {f"questions_{letter}": (index, list(people_ask(letter))) for letter in "ab"}
    sets |= {"names": by_name(), "summaries": by_summary()}
    for name, (searched, questions) in sets.items():
        for retriever in RETRIEVERS:
            gains = [judge(rank(searched, text, retriever), answers) for text, answers in questions]
            means = [round(float(mean), 3) for mean in np.mean(gains, axis=0)] if gains else [0.0] * 3
            for figure, mean in zip(("recall_at_1", "recall_at_5", "ndcg_at_10"), means, strict=True):
                figures[figure].setdefault(name, {})[retriever] = mean
    for letter in "ab":
        figures["close"][f"questions_{letter}"] = count_close(index, letter)
    return figures


def judge(ranking: Ranking, answers: Callable[[Passage], bool]) -> tuple[float, float, float]:
    """Whether the first answers, whether one of the first five does, and the nDCG of the first that does."""
    place = next((place for place, passage in enumerate(ranking) if answers(passage)), DEEP)
    return float(place < 1), float(place < 5), 1 / math.log2(place + 2) if place < DEEP else 0.0


def rank(index: KnowledgeIndex, question: str, retriever: str) -> Ranking:
    """The first passages by one retriever, by the fusion of two, or by all with exact keys."""
    if retriever == "all":
        return [hit.passage for hit in index.search(question, DEEP).hits]
    by_words = index.score_words(question)
    by_meaning = index.score_meaning(question)
    if retriever == "fused":
        return [index.passages[number] for number in list(index.fuse(by_words, by_meaning))[:DEEP]]
    scores = by_words if retriever == "bm25" else by_meaning
    return [index.passages[number] for number in np.argsort(-scores, kind="stable")[:DEEP]]


def read_questions(letter: str) -> list[dict[str, Any]]:
    """The questions of a file; none if it is not there."""
    file = TEXTS / f"questions_{letter}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def people_ask(letter: str) -> Iterator[Question]:
    """Questions on guided codes, and on vehicles that have a record."""
    for row in read_questions(letter):
        if row["category"] == "code_guided":
            codes = {
                f"{match[1] or 'P'}{match[2]}".upper().replace("O", "0") for match in CODE.finditer(row["question"])
            }
            yield row["question"], partial(is_about_code, codes)
        elif row["category"] == "vehicle_without_record" and row["facts"]:
            yield row["question"], partial(answers_vehicle, row)


def is_about_code(codes: set[str], passage: Passage) -> bool:
    """Whether a passage explains one of the codes."""
    return passage.id.removeprefix("code_guide:") in codes


def answers_vehicle(row: dict[str, Any], passage: Passage) -> bool:
    """Whether a record is of the year and of a model that a question names, and says each fact of its answer."""
    words = set(re.findall(r"[^\W_]+", row["question"].casefold()))
    year, *name = re.findall(r"[^\W_]+", passage.title.casefold())
    if f"{year}" not in row["question"] or not words & set(name):
        return False
    spelled = [fact if isinstance(fact, list) else [fact] for fact in row["facts"]]
    return all(any(re.search(rf"(?<![\w.]){re.escape(way)}", passage.text, re.I) for way in ways) for ways in spelled)


def by_name() -> tuple[KnowledgeIndex, list[Question]]:
    """The guide's entries, and the names of their codes as questions."""
    guide, names = trouble_codes.guide(), obd.all_code_names()
    passages = [
        Passage(code, f"{one['summary']} Most likely cause: {one['cause']}. Recommended check: {one['check']}.", "", "")
        for code, one in guide.items()
        if one["entry"] == code
    ]
    questions: list[Question] = [(names[code], partial(is_about_code, {one["entry"]})) for code, one in guide.items()]
    return in_memory(passages), questions


def by_summary() -> tuple[KnowledgeIndex, list[Question]]:
    """All names of codes, and the guide's summaries as questions."""
    guide, names = trouble_codes.guide(), obd.all_code_names()
    questions: list[Question] = [
        (one["summary"], partial(is_about_code, {alias for alias in guide if guide[alias]["entry"] == code}))
        for code, one in guide.items()
        if one["entry"] == code
    ]
    return in_memory([Passage(code, name, "", "") for code, name in names.items()]), questions


def in_memory(passages: list[Passage]) -> KnowledgeIndex:
    """An index of a template that nobody has, for passages without keys."""
    switch_index("bench", build_index("bench", passages).version)
    return load_index("bench")


def count_close(index: KnowledgeIndex, letter: str) -> dict[str, float]:
    """Share of the questions of a category for which something is close enough, of those to answer and to decline."""
    shares: dict[str, list[bool]] = {}
    for row in read_questions(letter):
        kind = {True: "decline", False: "answer"}.get(row["decline"], "either")
        shares.setdefault(f"{row['category']} ({kind})", []).append(index.search(row["question"]).close)
    return {name: round(sum(closes) / len(closes), 3) for name, closes in shares.items()}


def measure_scale(index: KnowledgeIndex, chunks: int) -> dict[str, Any]:
    """Speed and freshness with `chunks` passages: those of the template, and paragraphs made of them."""
    passages = [*index.passages, *make_paragraphs(index.passages, chunks - len(index.passages))]
    began = time.monotonic()
    switch_index("scale", build_index("scale", passages).version)
    built = time.monotonic() - began
    server, began = LiveIndex("scale"), time.monotonic()
    loaded = server.get()
    load = time.monotonic() - began
    questions = [row["question"] for letter in "ab" for row in read_questions(letter)]
    milliseconds = [time_search(loaded, question) for question in [*questions[:20], *questions]][20:]
    in_gateway = asyncio.run(time_in_gateway(questions))
    changed = [
        one._replace(text=f"{one.text} Corrected.") if number % 100 == 99 else one
        for number, one in enumerate(passages)
    ]
    rebuilt = build_index("scale", changed)
    switch_index("scale", rebuilt.version)
    gone = measure_removal(server, changed)
    return {
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 2),
        "p95_ms": round(float(np.percentile(milliseconds, 95)), 2),
        "gateway_p95_ms": round(float(np.percentile(in_gateway, 95)), 2),
        "chunks": len(passages),
        "chunks_per_s": round(len(passages) / built),
        "load_s": round(load, 1),
        "reembedded_share": round(rebuilt.embedded / len(passages), 4),
        "seconds_until_gone": round(gone, 1),
        "index_mib": round(sum(file.stat().st_size for file in Path(open_table("scale").uri).rglob("*")) / 2**20),
    }


def make_paragraphs(passages: list[Passage], count: int) -> Iterator[Passage]:
    """Paragraphs of a manual, two or three of the passages each and about 60 words, no two alike."""
    rng = np.random.default_rng(17)
    for number in range(count):
        parts = [passages[place].text for place in rng.integers(len(passages), size=rng.integers(2, 4))]
        text = f"Procedure {number}: {' '.join(parts)}".replace(" | ", ", ")
        yield Passage(f"manual.pdf#{number}:1", text, "manual.pdf", "manual.pdf", page=number // 4)


def time_search(index: KnowledgeIndex, question: str) -> float:
    """Milliseconds of a search."""
    began = time.perf_counter()
    index.search(question)
    return (time.perf_counter() - began) * 1000


async def time_in_gateway(questions: list[str]) -> list[float]:
    """Milliseconds until the gateway knows what it answers each question from; one request after the other."""
    route = Route(name="scale", champion=1, versions=[], shares={})
    retriever, entry, milliseconds = Retriever(Metrics()), Entry(route, Serving(retrieval=3), 0, Knowledge()), []
    retriever.load("scale")
    for question in [*questions[:20], *questions]:
        began = time.perf_counter()
        await retriever.ground(entry, [{"role": "user", "content": question}])
        milliseconds.append((time.perf_counter() - began) * 1000)
    retriever.close()
    return milliseconds[20:]


def measure_removal(server: LiveIndex, passages: list[Passage]) -> float:
    """Seconds from the removal of a passage until the server does not find it."""
    removed, kept = passages[-1], passages[:-1]
    began = time.monotonic()
    switch_index("scale", build_index("scale", kept).version)
    while any(hit.passage.id == removed.id for hit in server.get().search(removed.text).hits):
        time.sleep(0.1)
    return time.monotonic() - began
