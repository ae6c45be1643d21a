"""How much personal data is found, and how much of what is found is personal: on made-up counters and on real posts.

Synthetic: `pii_rows`, whose labels are exact. Real: the bodies of 2,000 newsgroup posts of 1993 (rec.autos and
sci.electronics, in the dmba package), labelled without our recognisers:

- e-mail: every occurrence in a body of an address that some post's From, Reply-To or Sender header holds, as the
  standard library's parser reads it, is an address; every occurrence of an identifier from a Message-ID or References
  header looks like one and is none. Other words with an @ are not judged, nor are addresses of a host without a dot.
- phone: what the phonenumbers library, an independent second opinion, takes for a valid US or international number, is
  a label; a finding that it does not even take for a possible one counts as wrong. It knows today's numbering plan, not
  that of 1993, and reads no cues, so its view is no ground truth either.

Hand-labelled: `pii_texts`, four seen sets, by which the rules are improved, a hold-out and an unseen one; names in
texts without a capital letter are counted apart, and how many of the texts with nothing personal were changed.

Public records: the Service Advisor's rows are EPA figures and trouble codes: whatever is found there is wrong.
"""

import email
import importlib.util
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from pipelines.text.privacy import Finding, find_personal_data
from tests.bench import pii_texts
from tests.bench.pii_rows import ENTITIES, Labelled, rows

COVERED = 0.9  # of a label's letters and digits; less leaves too much of a value behind


def run() -> dict[str, Any]:
    """Measure on all of them.

    Returns:
        recall, precision: by entity, on the held-out half of the synthetic rows; f2 over all its entities; rows_per_s:
        held-out rows per second of one core's time, and public_records its rows, findings (all wrong) and rows_per_s;
        seen, seen_b, seen_d, seen_e, hold_out, unseen: the hand-labelled sets: recall, precision; lower_case: names in
        texts without a capital letter; clean_changed of clean; cpu_us: a text, in microseconds of one core's time;
        rows_per_s_2_cores: twice its inverse;
        development: the half that the rules were tuned on; newsgroups: the same of e-mail and phone, and their labels.
    """
    find_personal_data("warm up: Jane Doe, jane@example.com")  # the model is loaded once
    halves = {}
    for half in ("development", "held_out"):
        texts = list(rows(half))
        began = time.process_time()
        predicted = [find_personal_data(row.text) for row in texts]
        seconds = time.process_time() - began
        halves[half] = score(texts, predicted) | {"rows": len(texts), "rows_per_s": len(texts) / seconds}
    return halves["held_out"] | {
        "development": halves["development"],
        **{part: hand_labelled(part) for part in pii_texts.SETS},
        "newsgroups": newsgroups(),
        "public_records": public_records(),
    }


def hand_labelled(part: str) -> dict[str, Any]:
    """The figures of a set of the hand-labelled texts."""
    texts, clean = pii_texts.people(part), pii_texts.clean(part)
    began = time.process_time()
    predicted = [find_personal_data(row.text) for row in texts]
    changed = sum(bool(find_personal_data(text)) for text in clean)
    seconds = (time.process_time() - began) / (len(texts) + len(clean))
    lower = [number for number, row in enumerate(texts) if row.text == row.text.lower()]
    names = score([texts[number] for number in lower], [predicted[number] for number in lower])
    return score(texts, predicted) | {
        "labels": pii_texts.count_labels(texts),
        "lower_case": {figure: names[figure]["name"] for figure in ("recall", "precision")},
        "clean": len(clean),
        "clean_changed": changed,
        "cpu_us": 1e6 * seconds,
        "rows_per_s_2_cores": 2 / seconds,
    }


def score(texts: list[Labelled], predicted: list[list[Finding]]) -> dict[str, Any]:
    """A label is found if findings of its entity cover 90% of it; a finding is right if half of it is such a label."""
    labels, hits, findings, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row, row_findings in zip(texts, predicted, strict=True):
        for entity, start, end in row.labels:
            labels[entity] += 1
            hits[entity] += (
                share(row.text, start, end, ((f.start, f.end) for f in row_findings if f.entity == entity)) >= COVERED
            )
        for one in row_findings:
            findings[one.entity] += 1
            same = ((start, end) for entity, start, end in row.labels if entity == one.entity)
            right[one.entity] += share(row.text, one.start, one.end, same) >= 0.5
    recall, precision = sum(hits.values()) / labels.total(), sum(right.values()) / findings.total()
    return {
        "recall": {entity: hits[entity] / labels[entity] for entity in ENTITIES if labels[entity]},
        "precision": {entity: right[entity] / findings[entity] for entity in ENTITIES if findings[entity]},
        "f2": 5 * precision * recall / (4 * precision + recall),
    }


def share(text: str, start: int, end: int, spans: Iterable[tuple[int, int]]) -> float:
    """How much of the letters and digits of text[start:end] the spans cover."""
    places = {i for i in range(start, end) if text[i].isalnum()}
    covered = {i for first, last in spans for i in range(first, last)}
    return len(places & covered) / len(places)


def posts() -> Iterator[tuple[email.message.Message, str]]:
    package = importlib.util.find_spec("dmba")
    assert package and package.origin
    with zipfile.ZipFile(Path(package.origin).parent / "csvFiles" / "AutoAndElectronics.zip") as archive:
        for name in sorted(name for name in archive.namelist() if not name.endswith("/")):
            post = email.message_from_string(archive.read(name).decode("latin-1"))
            yield post, str(post.get_payload())


def newsgroups() -> dict[str, Any]:
    addresses, identifiers, bodies = set[str](), set[str](), []
    for post, body in posts():
        bodies.append(body)
        for _, address in getaddresses([v for h in ("From", "Reply-To", "Sender") for v in post.get_all(h, [])]):
            if re.search(r"@[^@.]+\.[^@]*[A-Za-z]$", address):
                addresses.add(address.lower())
        for header in ("Message-ID", "References"):
            identifiers.update(re.findall(r"<([^<>\s]+)>", " ".join(post.get_all(header, [])).lower()))
    addresses -= identifiers
    labels, hits, findings, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for body in bodies:
        predicted = find_personal_data(body)
        for entity, labelled, wrong in (
            ("email", *judged_addresses(body, addresses, identifiers)),
            ("phone", *judged_numbers(body, predicted)),
        ):
            spans = [(f.start, f.end) for f in predicted if f.entity == entity]
            labels[entity] += len(labelled)
            hits[entity] += sum(share(body, start, end, spans) >= COVERED for start, end in labelled)
            for start, end in spans:
                good = share(body, start, end, labelled) >= 0.5
                findings[entity] += good or share(body, start, end, wrong) > 0
                right[entity] += good
    return {
        "recall": {entity: hits[entity] / labels[entity] for entity in labels},
        "precision": {entity: right[entity] / findings[entity] for entity in labels},
        "labels": dict(labels),
        "posts": len(bodies),
    }


Spans = list[tuple[int, int]]


def judged_addresses(body: str, addresses: set[str], identifiers: set[str]) -> tuple[Spans, Spans]:
    """Where known addresses stand, and where known message identifiers do."""
    labelled: Spans = []
    wrong: Spans = []
    for word in re.finditer(r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\",;:]+", body.lower()):
        value = word.group().rstrip(".'!?*")
        if value in addresses | identifiers:
            (labelled if value in addresses else wrong).append((word.start(), word.start() + len(value)))
    return labelled, wrong


def judged_numbers(body: str, predicted: list[Finding]) -> tuple[Spans, Spans]:
    """What phonenumbers holds valid, and what of our findings it holds impossible."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    labelled, possible = (
        [(match.start, match.end) for match in PhoneNumberMatcher(body, "US", leniency=leniency)]
        for leniency in (Leniency.VALID, Leniency.POSSIBLE)
    )
    ours = [(f.start, f.end) for f in predicted if f.entity == "phone"]
    return labelled, [span for span in ours if not share(body, *span, possible)]


def public_records() -> dict[str, Any]:
    from pipelines.kits.automotive import service_advisor

    texts = ["\n".join((row["instruction"], row["input"], row["output"])) for row in service_advisor.build()]
    began = time.process_time()
    wrong = sum(len(find_personal_data(text)) for text in texts)
    return {"rows": len(texts), "findings": wrong, "rows_per_s": len(texts) / (time.process_time() - began)}
