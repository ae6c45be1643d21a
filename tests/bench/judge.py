"""How far the judge of answers agrees with known labels: the facts alone, its model alone, and both as they are used.

The labels of the first part follow from the records, and are no person's opinion: the true answer, and one that is
wrong in a known way. Those of the second part are what people gave, where this home's request log has any.
"""

import time
from typing import Any

from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.monitoring.feedback.agreement import measure_agreement
from pipelines.monitoring.feedback.fact_check import Question
from pipelines.monitoring.feedback.judge import Judge, Judgement, decide, open_judge
from pipelines.monitoring.feedback.labelled_pairs import LabelledPair, construct_pairs, read_rated_pairs

TEMPLATE = "service_advisor"


def run(pairs: int = 60) -> dict[str, Any]:
    """Judge `pairs` pairs made from the Service Advisor's rows, and all that people have judged, three ways.

    Returns:
        `judge`, the model's name; then for facts, model and both what agreement() gives, and the model's
        seconds_a_pair (both orders); `people, …` where there are opinions; `live, …`: the same pairs as if they had
        been asked at the counter, where no facts are known.
    """
    from pipelines.kits.automotive import service_advisor

    known = construct_pairs(service_advisor.build(), pairs)
    figures: dict[str, Any] = {"labels": "by construction"}
    with open_judge(make_plan(TEMPLATE).judge.rubric) as model:
        figures |= {"judge": model.model, "endpoint": settings().judge_url or "local llama.cpp"}
        figures |= three_ways(known, model)
        as_live = [pair._replace(question=pair.question._replace(facts={})) for pair in known]
        figures |= {f"live, facts, {name}": figure for name, figure in measure_agreement(as_live, by_facts).items()}
        if people := read_rated_pairs(TEMPLATE):
            figures |= {f"people, {name}": figure for name, figure in three_ways(people, model).items()}
        else:
            figures["people"] = "no opinions in this home's request log"
    return figures


def by_facts(question: Question, first: str, second: str) -> Judgement:
    return decide(question, first, second, None)


def three_ways(known: list[LabelledPair], model: Judge) -> dict[str, float]:
    seen: dict[tuple[str, str, str], Judgement] = {}

    def remembered(question: Question, first: str, second: str) -> Judgement:
        """The model is slow, and says the same again: it is asked once."""
        asked = (question.text, first, second)
        if asked not in seen:
            seen[asked] = model.compare(question, first, second)
        return seen[asked]

    def both(question: Question, first: str, second: str) -> Judgement:
        found = by_facts(question, first, second)
        return found if found.by == "facts" else remembered(question, first, second)

    began = time.monotonic()
    ways = {"model": measure_agreement(known, remembered)}
    seconds = (time.monotonic() - began) / max(1, len(known))
    ways |= {"facts": measure_agreement(known, by_facts), "both": measure_agreement(known, both)}
    told = {f"{way}, {name}": figure for way, figures in ways.items() for name, figure in figures.items()}
    return told | {"model, seconds_a_pair": seconds}
