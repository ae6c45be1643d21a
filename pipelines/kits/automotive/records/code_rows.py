"""Questions about trouble codes, each over the passages that are found for it; the answer is in one of them.

Nothing is learned by heart: what is learned is which part of a passage answers which question, and when none does.
Codes that the guide has one entry for, and the entries of one lot, are in one group.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.kits.automotive.knowledge import code_guide
from pipelines.kits.automotive.records import obd, trouble_codes
from pipelines.kits.automotive.records.code_wordings import NOT_RECORDED, SYMPTOMS, WORDINGS
from pipelines.kits.automotive.records.decline_rows import decline
from pipelines.kits.automotive.records.phrasing import ask
from pipelines.text.passages import Passage, lay_out

Row = dict[str, Any]
SEED = 19
LOT = 2  # entries of the guide
MAX_CHARS = 780  # of the passages of a row
FACETS = {"meaning": "code_meaning", "urgency": "code_urgency", "cause": "code_cause", "check": "code_check"}


def rows(questions: int, not_recorded: int, names: int) -> Iterator[Row]:
    """Rows of kind knowledge, and refusals.

    Args:
        questions: questions for each entry of the guide.
        not_recorded: how many ask for what no passage has.
        names: how many are about codes of which only the name is known.
    """
    rng = random.Random(SEED)
    passages = {passage.id.partition(":")[2]: passage for passage in code_guide.passages()}
    guides = trouble_codes.guide()
    entries: dict[str, list[str]] = defaultdict(list)
    for code, guide in guides.items():
        if not passages[code].safety_critical:  # one of those is quoted, without a model
            entries[guide["entry"]].append(code)
    order = sorted(entries)
    rng.shuffle(order)
    lots = [order[at : at + LOT] for at in range(0, len(order), LOT)]
    facets = list(FACETS)
    for number in range(questions):
        for place, lot in enumerate(lots):
            for seat, entry in enumerate(lot):
                facet = facets[(number + place + seat) % len(facets)]
                code = rng.choice(entries[entry])
                yield answer(code, facet, guides[code], find_passages(code, lot, entries, passages, rng), lot[0], rng)
    for number in range(not_recorded):
        lot = lots[number % len(lots)]
        code = rng.choice(entries[rng.choice(lot)])
        shown = find_passages(code, lot, entries, passages, rng)
        yield decline(
            "code",
            put(NOT_RECORDED, code, rng),
            lay_out(shown),
            trouble_codes.SOURCE,
            f"{code} {number}",
            lot[0],
            "knowledge",
        )
    named = obd.code_names()
    unguided = sorted(code for code in named if code not in guides)
    for number, code in enumerate(rng.sample(unguided, names)):
        facet = "meaning" if number % 2 else rng.choice(("urgency", "cause", "check"))
        near = [passages[other] for other in rng.sample(unguided, 4) if other[:3] == code[:3] and other != code]
        shown = [passages[code], *near[: rng.choice((0, 0, 1))]]
        question = put(WORDINGS[facet], code, rng)
        if facet == "meaning":
            yield row(
                "code_meaning", question, shown, f"{named[code]}.", {"meaning": named[code]}, code, obd.SOURCE, code
            )
        else:
            yield decline("code", question, lay_out(shown), obd.SOURCE, code, code, "knowledge")


def find_passages(
    code: str, lot: Sequence[str], entries: dict[str, list[str]], passages: dict[str, Passage], rng: random.Random
) -> list[Passage]:
    """The passage of a code, and sometimes one or two that a search finds beside it."""
    near = [other for entry in lot for other in entries[entry] if other != code]
    shown = [passages[other] for other in rng.sample(near, min(len(near), rng.choice((0, 0, 0, 0, 1))))]
    shown = [p for p in shown if len(p.text) + len(passages[code].text) < MAX_CHARS]
    shown.insert(0 if rng.random() < 0.85 else len(shown), passages[code])
    return shown


def answer(code: str, facet: str, guide: dict[str, str], shown: list[Passage], group: str, rng: random.Random) -> Row:
    """A row that asks for one facet of a code's guidance."""
    topic = FACETS[facet]
    kind = trouble_codes.FACETS[topic]
    fact = kind.fact.format(**guide)
    return row(
        topic,
        put(WORDINGS[facet], code, rng),
        shown,
        kind.answer.format(**guide),
        {facet: fact},
        code,
        trouble_codes.SOURCE,
        group,
    )


def put(wording: Any, code: str, rng: random.Random) -> str:
    """A question on a code, sometimes with what else the person tells."""
    spelled = spell(code, rng)
    text = ask(wording, (spelled, spelled), rng, subject=rng.choice(("a car", "this car", "a pickup")))
    if spelled.lower().replace(" ", "") not in text.lower().replace(" ", ""):
        text = rng.choice(
            ("{code}, {text}", "{code}: {text}", "{text} {code}", "{code} {text}", "{text} for {code}")
        ).format(code=spelled, text=text)
    if rng.random() < 0.25:
        symptom = rng.choice(SYMPTOMS)
        text = rng.choice(("{symptom} {text}", "{text} {symptom}", "{symptom}, {text}", "{text} ({symptom})")).format(
            symptom=symptom, text=text
        )
    return text


def spell(code: str, rng: random.Random) -> str:
    """A code as people write it: P0420, p 0420, P-0420, po420, 0420."""
    letter, digits = code[0], code[1:]
    forms = (
        code, code, code, code.lower(), code.lower(), f"{letter}-{digits}", f"{letter} {digits}", f"code {code}",
        f"{letter.lower()}{digits.lower().replace('0', 'o', 1)}" if digits[0] == "0" else code, f"a {code}",
        f"{letter.lower()} {digits}",
        f"trouble code {code}", f"DTC {code}",
    )  # fmt: skip
    if digits[0] == "0" and letter == "P" and rng.random() < 0.06:
        return digits
    return rng.choice(forms)


def row(
    topic: str,
    question: str,
    shown: list[Passage],
    output: str,
    facts: dict[str, str],
    key: str,
    source: str,
    group: str,
) -> Row:
    """A row of kind knowledge."""
    return {
        "instruction": question,
        "input": lay_out(shown),
        "output": output,
        "topic": topic,
        "source": source,
        "key": key,
        "kind": "knowledge",
        "facts": facts,
        "group": group,
    }
