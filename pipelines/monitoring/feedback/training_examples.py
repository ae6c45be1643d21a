"""What trusted opinions teach: training rows from corrections, and pairs of answers of which people prefer one."""

from itertools import product
from typing import Any

from pipelines.core.artifacts import FEEDBACK
from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.corrections import extract_facts
from pipelines.monitoring.feedback.ratings import Rating, group_by_question, normalise_text

Row = dict[str, Any]


def make_training_rows(trusted: list[Rating], plan: TrainingPlan) -> list[Row]:
    """An Alpaca row of each question that was put right, in the words of the first who did so, an expert before others:
    whoever says the same later changes nothing.

    It has no topic: nobody was asked for one. A conversation of several turns is no row; it can be a pair. Nor is a
    question that the contract does not take, which would stop every run.
    """
    found = []
    for about in group_by_question(one for one in trusted if one.correction and fits_contract(one, plan)):
        one = min(about, key=lambda one: (not one.expert, one.at))
        row = {"instruction": one.instruction, "input": one.input, "output": one.correction, "source": FEEDBACK}
        found.append(row | {"key": one.id, "facts": extract_facts(one.correction, one.input)})
    return found


def fits_contract(one: Rating, plan: TrainingPlan) -> bool:
    contract = plan.contract
    short = len(one.instruction) <= contract.max_instruction_chars and len(one.input) <= contract.max_input_chars
    return len(one.turns) == 1 and bool(one.instruction) and short


def make_preference_pairs(trusted: list[Rating], plan: TrainingPlan) -> list[Row]:
    """prompt (messages), chosen, rejected and source: each answer that was found good, over each that was found bad.

    A correction is the good answer of whoever gave it. source is what made the good one: correction, thumb or review.
    """
    found = []
    for about in group_by_question(trusted):
        good: dict[str, tuple[str, str]] = {}
        bad: dict[str, str] = {}
        for one in about:
            if one.correction:
                good.setdefault(normalise_text(one.correction), (one.correction, "correction"))
            elif one.verdict == "up":
                good.setdefault(normalise_text(one.answer), (one.answer, "review" if one.expert else "thumb"))
            if one.verdict == "down":
                bad.setdefault(normalise_text(one.answer), one.answer)
        told = [{"role": "system", "content": plan.system_prompt}, *about[0].turns]
        for better, worse in product(good, bad.keys() - good.keys()):
            chosen, source = good[better]
            found.append({"prompt": told, "chosen": chosen, "rejected": bad[worse], "source": source})
    return found
