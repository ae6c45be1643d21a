"""How often the response cache answers with another question's answer, how often it helps, and how long it takes."""

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Serving
from pipelines.core.routes import ServedVersion
from pipelines.core.templates import find_template_files
from pipelines.datasets.collect import locate_source
from pipelines.gateway import semantic_cache
from pipelines.gateway.response_cache import MAX_ENTRIES, CachedAnswer, ResponseCache, normalise
from pipelines.text import chat_format, embedder
from tests.bench.cache_pairs import Pair, different, halves, paraphrases, same

MAX_FALSE = 0.001  # share of pairs of different answers that may be taken for one
MIN_PAIRS = 300  # of different answers; from fewer, no threshold is believed
GRID = np.round(np.arange(0, 1.01, 0.01), 2)
ASKED = 3_000  # timed questions of each sort
SEED = 29
SERVED = ServedVersion(name="bench", version=1, digest="d", system_prompt="", max_new_tokens=48, endpoints=[])


class Judged(NamedTuple):
    """Pairs of one side, as the rules see them."""

    pairs: list[Pair]
    similarity: np.ndarray  # of the questions; -1 where the records differ
    hard: np.ndarray  # whether everything hard is the same


def run(write: bool = False) -> dict[str, Any]:
    """Choose each template's similarity on half of its wordings, and try the cache on the other half.

    Args:
        write: keep the thresholds where the cache finds them.

    Returns:
        templates: name → threshold (None: not verified, and `why`); false_hit_rate of pairs whose answers differ, the
        upper ends of its 95% interval if every pair counts (`false_hit_upper`), and if pairs of the same two wordings
        count once (`false_hit_upper_by_wordings`: the careful one); hit_rate of pairs whose answers are the same, and
        exact_hit_rate, the exact cache's; similarity_alone_…: the same without the rule on hard words, at the threshold
        that kept false hits as few on the first half; by_kind: kind of pair → n, hits and exact hits.
        false_hit_rate, false_hit_upper, hit_rate, exact_hit_rate: over all templates.
        exact_p99_ms, semantic_p99_ms, miss_p99_ms: of one look at a cache of `entries`, and put_p99_ms, by the clock;
        …_cpu_ms: of the processor, which says more where others share it.
    """
    semantic_cache.start_loading().result()
    templates = {name: examine(name) for name in find_template_files()}
    if write:
        kept = ("threshold", "false_hit_rate", "false_hit_upper", "hit_rate")
        text = {
            name: {"embedder": embedder.cache_folder().name} | {key: figures[key] for key in kept}
            for name, figures in templates.items()
            if figures["threshold"] is not None
        }
        write_text(semantic_cache.VERIFIED_FILE, json.dumps(text, indent=1) + "\n")
    tried = [kinds for figures in templates.values() for kinds in figures.get("by_kind", {}).items()]
    return {**summary(tried), **latencies(), "templates": templates}


def examine(template: str) -> dict[str, Any]:
    """A template's threshold and figures; `why` where it has none."""
    try:
        rows = [row for row in locate_source(make_plan(template).data.source)[0]() if row["facts"]]
    except (WeaverError, KeyError) as error:
        return {"threshold": None, "why": f"its rows cannot be paired: {error}"}
    first, second = halves(rows)
    same_judged, wrong = (judge(list(pairs(first, random.Random(SEED)))) for pairs in (same, different))
    threshold, why = choose(same_judged, wrong)
    if threshold is None:
        return {"threshold": None, "why": why}
    rng = random.Random(SEED + 1)
    good, bad = [*same(second, rng), *paraphrases(template)], list(different(second, rng))
    by_kind = {**count(good, threshold, "same"), **count(bad, threshold, "different")}
    alone = least(wrong, wrong.similarity)
    return {
        "threshold": threshold,
        **summary(list(by_kind.items())),
        "similarity_alone_hit_rate": round(float((judge(good).similarity >= alone).mean()), 4),
        "similarity_alone_false_hit_rate": round(float((judge(bad).similarity >= alone).mean()), 4),
        "by_kind": by_kind,
    }


def judge(pairs: list[Pair]) -> Judged:
    texts = sorted({text for pair in pairs for text in (pair.kept, pair.question)})
    lines = {text: normalise(text.partition("\n")[0]) for text in texts}
    vectors = dict(zip(texts, embedder.embed_rows([lines[text].lower() for text in texts]), strict=True))
    hard = {text: semantic_cache.extract_key_words(lines[text]) for text in texts}
    below = {text: text.partition("\n")[2] for text in texts}
    similarity = [
        float(vectors[one] @ vectors[other]) if below[one] == below[other] else -1.0 for _, one, other, _ in pairs
    ]
    return Judged(pairs, np.array(similarity), np.array([hard[one] == hard[other] for _, one, other, _ in pairs]))


def choose(same_judged: Judged, wrong: Judged) -> tuple[float | None, str]:
    """The lowest similarity that keeps false hits within MAX_FALSE of every kind of pair; or None, and why.

    Never below what true rewordings with the same hard words have: of what lies there, nothing was seen.
    """
    seen = same_judged.similarity[same_judged.hard & (same_judged.similarity >= 0)]
    if not len(seen):
        return None, f"of {len(same_judged.pairs)} rewordings none leaves the record and the hard words as they are"
    if len(wrong.pairs) < MIN_PAIRS:
        return None, f"{len(wrong.pairs)} pairs of different answers are fewer than {MIN_PAIRS}"
    told_apart = least(wrong, np.where(wrong.hard, wrong.similarity, -1.0))
    threshold = max(told_apart, float(np.floor(seen.min() * 100) / 100))
    return (round(threshold, 2), "") if threshold <= 1 else (None, "no similarity tells its questions apart")


def least(wrong: Judged, similarity: np.ndarray) -> float:
    """The lowest threshold of the grid at which no more than MAX_FALSE of any kind of pair would be taken for one."""
    kinds = np.array([pair.kind for pair in wrong.pairs])
    parts = [similarity[kinds == kind] for kind in sorted(set(kinds))]
    return next((float(t) for t in GRID if all((part >= t).mean() <= MAX_FALSE for part in parts)), 2.0)


def count(pairs: list[Pair], threshold: float, answers: str) -> dict[str, dict[str, Any]]:
    """Kind → what the real cache makes of its pairs: the kept one is put, then the other is looked up."""
    exact, other = Serving(cache="exact"), Serving(cache="semantic", semantic_threshold=max(threshold, 0.01))
    kinds: dict[str, dict[str, Any]] = {}
    wordings: dict[str, dict[tuple[str, str], bool]] = defaultdict(dict)
    for kept, some in groupby(sorted(pairs, key=lambda pair: pair.kept), key=lambda pair: pair.kept):
        cache = ResponseCache()
        cache.put(SERVED, request(kept), other, CachedAnswer("An answer.", "", 3, 9, "stop"))
        for pair in some:
            counts = kinds.setdefault(pair.kind, {"answers": answers, "n": 0, "hits": 0, "exact_hits": 0})
            hit = cache.get(SERVED, request(pair.question), other) is not None
            counts["n"] += 1
            counts["hits"] += hit
            counts["exact_hits"] += cache.get(SERVED, request(pair.question), exact) is not None
            words = min(pair.wordings), max(pair.wordings)
            wordings[pair.kind][words] = wordings[pair.kind].get(words, False) or hit
    for kind, counts in kinds.items():
        counts["wordings"], counts["wordings_hit"] = len(wordings[kind]), sum(wordings[kind].values())
    return kinds


def request(text: str) -> dict[str, Any]:
    return {
        "messages": chat_format.user_messages({"instruction": text, "input": ""}),
        "temperature": 0,
        "max_tokens": 48,
    }


def summary(kinds: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    def total(answers: str, column: str) -> int:
        return sum(counts[column] for _, counts in kinds if counts["answers"] == answers)

    wrong, tried = total("different", "hits"), total("different", "n")
    return {
        "false_hit_rate": wrong / tried,
        "false_hit_upper": upper(wrong, tried),
        "false_hit_upper_by_wordings": upper(total("different", "wordings_hit"), total("different", "wordings")),
        "different_pairs": tried,
        "hit_rate": total("same", "hits") / total("same", "n"),
        "exact_hit_rate": total("same", "exact_hits") / total("same", "n"),
        "same_pairs": total("same", "n"),
    }


def upper(hits: int, n: int) -> float:
    """The upper end of the two-sided 95% interval of a share, after Clopper and Pearson."""
    from scipy.stats import binomtest

    return round(float(binomtest(hits, n).proportion_ci(0.95, "exact").high), 6)


def latencies() -> dict[str, Any]:
    """Of a full cache of the Service Advisor's questions: every record under many wordings."""
    rows = locate_source(make_plan("service_advisor").data.source)[0]()
    rng = random.Random(SEED)
    lines = sorted({row["instruction"] for row in rows})
    records = sorted({row["input"] for row in rows if row["input"]})
    questions = rng.sample([f"{line}\n{record}" for line in lines for record in records], MAX_ENTRIES + ASKED)
    policy, cache = Serving(cache="semantic", semantic_threshold=0.01), ResponseCache()
    hit = CachedAnswer("Its city fuel economy is 30 mpg.", "", 9, 60, "stop")
    took = {"put": timed(lambda text: cache.put(SERVED, request(text), policy, hit), questions[:MAX_ENTRIES])}
    same_judged = rng.sample(questions[:MAX_ENTRIES], ASKED)
    for name, texts in {
        "exact": same_judged,
        "semantic": [f"Hello, could you tell me: {text}" for text in same_judged],
        "miss": questions[MAX_ENTRIES:],
    }.items():
        took[name] = timed(lambda text: cache.get(SERVED, request(text), policy), texts)
    figures: dict[str, Any] = {"entries": len(cache.entries)}
    for name, (clock, processor) in took.items():
        figures |= {f"{name}_p99_ms": p99(clock), f"{name}_p99_cpu_ms": p99(processor)}
    return figures


def timed(work: Callable[[str], object], texts: list[str]) -> tuple[list[float], list[float]]:
    """Milliseconds each, by the clock and of the processor."""
    clock, processor = [], []
    for text in texts:
        began = time.perf_counter(), time.thread_time()
        work(text)
        clock.append((time.perf_counter() - began[0]) * 1000)
        processor.append((time.thread_time() - began[1]) * 1000)
    return clock, processor


def p99(took: list[float]) -> float:
    return round(float(np.percentile(took, 99)), 3)
