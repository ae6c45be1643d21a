"""Training examples from trusted ratings: rows from corrections, and preference pairs from good and bad answers."""

from itertools import product
from typing import Any

from pipelines.core.artifacts import FEEDBACK
from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.corrections import extract_facts
from pipelines.monitoring.feedback.ratings import Rating, group_by_question, normalise_text

Row = dict[str, Any]


def make_training_rows(trusted: list[Rating], plan: TrainingPlan) -> list[Row]:
    """An Alpaca row for each corrected question: the correction of an expert, or else the first one that was given.

    Later corrections that agree change nothing. A row has no topic, because raters give none. Conversations of several
    turns make no row (they can make a pair), nor do questions that the contract does not allow, which would stop every
    run.
    """
    rows = []
    for group in group_by_question(rating for rating in trusted if rating.correction and fits_contract(rating, plan)):
        chosen = min(group, key=lambda rating: (not rating.expert, rating.at))
        row = {
            "instruction": chosen.instruction,
            "input": chosen.input,
            "output": chosen.correction,
            "source": FEEDBACK,
            "key": chosen.id,
            "facts": extract_facts(chosen.correction, chosen.input),
        }
        rows.append(row)
    return rows


def fits_contract(rating: Rating, plan: TrainingPlan) -> bool:
    """Whether the question of a rating can be a row of the dataset."""
    contract = plan.contract
    short = len(rating.instruction) <= contract.max_instruction_chars and len(rating.input) <= contract.max_input_chars
    return len(rating.turns) == 1 and bool(rating.instruction) and short


def make_preference_pairs(trusted: list[Rating], plan: TrainingPlan) -> list[Row]:
    """Pairs of each good answer with each bad answer to a question: prompt (messages), chosen, rejected and source.

    A correction counts as a good answer. `source` is why the chosen answer is good: correction, thumb or review.
    """
    pairs = []
    for group in group_by_question(trusted):
        good: dict[str, tuple[str, str]] = {}
        bad: dict[str, str] = {}
        for rating in group:
            if rating.correction:
                good.setdefault(normalise_text(rating.correction), (rating.correction, "correction"))
            elif rating.verdict == "up":
                good.setdefault(normalise_text(rating.answer), (rating.answer, "review" if rating.expert else "thumb"))
            if rating.verdict == "down":
                bad.setdefault(normalise_text(rating.answer), rating.answer)
        prompt = [{"role": "system", "content": plan.system_prompt}, *group[0].turns]
        for better, worse in product(good, bad.keys() - good.keys()):
            chosen, source = good[better]
            pairs.append({"prompt": prompt, "chosen": chosen, "rejected": bad[worse], "source": source})
    return pairs
