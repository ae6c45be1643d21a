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

    labelled_pairs = construct_pairs(service_advisor.build(), pairs)
    figures: dict[str, Any] = {"labels": "by construction"}
    with open_judge(make_plan(TEMPLATE).judge.rubric) as model:
        figures |= {"judge": model.model, "endpoint": settings().judge_url or "local llama.cpp"}
        figures |= three_ways(labelled_pairs, model)
        as_live = [pair._replace(question=pair.question._replace(facts={})) for pair in labelled_pairs]
        figures |= {f"live, facts, {name}": figure for name, figure in measure_agreement(as_live, by_facts).items()}
        if people := read_rated_pairs(TEMPLATE):
            figures |= {f"people, {name}": figure for name, figure in three_ways(people, model).items()}
        else:
            figures["people"] = "no ratings in this home's request log"
    return figures


def by_facts(question: Question, first: str, second: str) -> Judgement:
    return decide(question, first, second, None)


def three_ways(labelled_pairs: list[LabelledPair], model: Judge) -> dict[str, float]:
    seen: dict[tuple[str, str, str], Judgement] = {}

    def remembered(question: Question, first: str, second: str) -> Judgement:
        """The model is slow, and says the same again: it is asked once."""
        key = (question.text, first, second)
        if key not in seen:
            seen[key] = model.compare(question, first, second)
        return seen[key]

    def both(question: Question, first: str, second: str) -> Judgement:
        verdict = by_facts(question, first, second)
        return verdict if verdict.by == "facts" else remembered(question, first, second)

    began = time.monotonic()
    ways = {"model": measure_agreement(labelled_pairs, remembered)}
    seconds = (time.monotonic() - began) / max(1, len(labelled_pairs))
    ways |= {"facts": measure_agreement(labelled_pairs, by_facts), "both": measure_agreement(labelled_pairs, both)}
    figures_by_way = {f"{way}, {name}": figure for way, figures in ways.items() for name, figure in figures.items()}
    return figures_by_way | {"model, seconds_a_pair": seconds}
