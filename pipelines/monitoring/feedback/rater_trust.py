"""Which ratings are trusted: not those that flood, nor those of raters who err or disagree more than the others do.

    ratings ─▶ faults ─▶ floods ─▶ unreliable raters ─▶ outlier raters ─▶ outvoted ─▶ contradicted ─▶ trusted

Each filter sees what those before it left. Nothing is lost: refused ratings stay where they were given, and are listed.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.corrections import find_faults, is_same_correction
from pipelines.monitoring.feedback.ratings import Rating, group_by_question, group_values, normalise_text

HOUR = 3600  # seconds
Refused = dict[Rating, str]  # rating → `kind: why`
RaterField = Literal["rater", "key"]  # one person, or everybody who uses a key


class ErrorCounts(NamedTuple):
    """How often a rater erred, and how often the others did."""

    wrong: int
    total: int
    others_wrong: int
    others_total: int

    def p_value(self) -> float:
        """The chance of erring at least so often for a rater who errs as the others do (Fisher's exact test).

        Source: scipy.stats.fisher_exact, which is exact for few cases, too.
        """
        from scipy.stats import fisher_exact

        own = [self.wrong, self.total - self.wrong]
        others = [self.others_wrong, self.others_total - self.others_wrong]
        return float(fisher_exact([own, others], alternative="greater").pvalue)


def find_untrusted(ratings: list[Rating], plan: TrainingPlan) -> Refused:
    """The ratings that are not trusted, each with its reason.

    Args:
        ratings: oldest first.
    """
    policy = plan.feedback
    faults = find_faults(ratings, plan)
    refused = faults | find_floods(without_refused(ratings, faults), policy.hourly)
    refused |= find_unreliable_raters(ratings, faults, refused, policy.doubt)
    refused |= find_outlier_raters(without_refused(ratings, refused), policy.doubt)
    refused |= find_outvoted(without_refused(ratings, refused))
    return refused | find_contradicted(without_refused(ratings, refused))


def without_refused(ratings: list[Rating], refused: Refused) -> list[Rating]:
    """The ratings that are not refused."""
    return [rating for rating in ratings if rating not in refused]


def find_floods(ratings: list[Rating], hourly: int) -> Refused:
    """All ratings of a rater within an hour that holds more than `hourly` of them; experts are exempt."""
    refused: Refused = {}
    for own in group_by_rater([rating for rating in ratings if not rating.expert]):
        first = 0
        for last in range(len(own)):
            while own[last].at - own[first].at >= HOUR:
                first += 1
            if last - first >= hourly:
                refused |= dict.fromkeys(own[first : last + 1], f"flood: more than {hourly} within an hour")
    return refused


def find_unreliable_raters(ratings: list[Rating], faults: Refused, refused: Refused, doubt: float) -> Refused:
    """All other ratings of raters whose corrections have faults more often than chance explains."""
    unreliable: Refused = {}
    corrected = [rating for rating in ratings if rating.correction and not rating.expert]
    while name := find_worst_rater(count_faults(corrected, faults), doubt):
        own = [rating for rating in corrected if rating.rater == name]
        faulty = sum(rating in faults for rating in own)
        why = f"unreliable: {faulty} of {len(own)} corrections have faults"
        unreliable |= {rating: why for rating in without_refused(ratings, refused) if rating.rater == name}
        corrected = [rating for rating in corrected if rating.rater != name]
    return unreliable


def count_faults(corrected: list[Rating], faults: Refused) -> dict[str, ErrorCounts]:
    """For each rater: how many of the corrections have faults, and how many of the others' have."""
    all_faulty, total = sum(rating in faults for rating in corrected), len(corrected)
    counts = {}
    for own in group_by_rater(corrected):
        faulty = sum(rating in faults for rating in own)
        counts[own[0].rater] = ErrorCounts(faulty, len(own), all_faulty - faulty, total - len(own))
    return counts


def find_outlier_raters(ratings: list[Rating], doubt: float) -> Refused:
    """All ratings of raters, and then of keys, that disagree with the others more often than chance explains."""
    refused: Refused = {}
    fields: tuple[RaterField, ...] = ("rater", "key")
    for field in fields:
        while name := find_worst_rater(counts := count_disagreements(without_refused(ratings, refused), field), doubt):
            why = f"disagrees: with most others on {counts[name].wrong} of {counts[name].total} answers"
            refused |= {rating: why for rating in without_refused(ratings, refused) if getattr(rating, field) == name}
    return refused


def find_worst_rater(counts: dict[str, ErrorCounts], doubt: float) -> str:
    """The rater who most surely errs more than the others, if surely enough; empty if nobody does.

    The doubt is shared among all raters (Bonferroni). One at a time: without the worst rater, those who disagreed with
    that rater look better.
    """
    p_values = {name: count.p_value() for name, count in counts.items()}
    worst = min(p_values, key=lambda name: (p_values[name], name), default="")
    return worst if worst and p_values[worst] < doubt / len(p_values) else ""


def count_disagreements(ratings: list[Rating], field: RaterField = "rater") -> dict[str, ErrorCounts]:
    """How often each rater disagrees with the majority of the others, on answers that others rated too.

    The others' count is how often one of them, taken in turn, disagrees with the rest of them; so each answer counts
    once on either side.
    """
    verdicts = verdicts_by_answer(ratings, field)
    experts = {getattr(rating, field) for rating in ratings if rating.expert}
    counts = {}
    for name in sorted({name for own in verdicts for name in own} - experts):
        wrong = total = others_wrong = others_total = 0
        for number, own in enumerate(verdicts):
            others = sorted(other for other in own if other != name)
            if name in own and (most := majority(own[other] for other in others)) is not None:
                wrong, total = wrong + (own[name] != most), total + 1
            compared = others.pop(number % len(others))
            if (most := majority(own[other] for other in others)) is not None:
                others_wrong, others_total = others_wrong + (own[compared] != most), others_total + 1
        if total and others_total:
            counts[name] = ErrorCounts(wrong, total, others_wrong, others_total)
    return counts


def verdicts_by_answer(ratings: list[Rating], field: RaterField = "rater") -> list[dict[str, bool]]:
    """For each answer that several rated: rater → whether the rater finds it good.

    The same words to the same question are one answer, whenever they were given. A rater who rated it both ways is left
    out.
    """
    by_answer = []
    for group in group_by_answer(ratings):
        votes = group_values(
            (getattr(rating, field), (getattr(rating, field), rating.verdict == "up")) for rating in group
        )
        own = dict(vote[0] for vote in votes if len(set(vote)) == 1)
        if len(own) > 1:
            by_answer.append(own)
    return by_answer


def majority(votes: Iterable[bool]) -> bool | None:
    """What most of the votes are; None in a draw."""
    count = Counter(votes)
    return None if count[True] == count[False] else count[True] > count[False]


def find_outvoted(ratings: list[Rating]) -> Refused:
    """Verdicts on an answer that the majority does not share, and all of them in a draw.

    If experts rated the answer, they decide alone.
    """
    refused: Refused = {}
    for group in group_by_answer(ratings):
        voters = [rating for rating in group if rating.expert] or group
        most = majority(good for _, good in {(rating.rater, rating.verdict == "up") for rating in voters})
        why = "contradictory: as many find the answer good as bad"
        if most is not None:
            why = f"outvoted: most find the answer {'good' if most else 'bad'}"
        refused |= {rating: why for rating in group if most is None or (rating.verdict == "up") != most}
    return refused


def find_contradicted(ratings: list[Rating]) -> Refused:
    """Corrections of one question that differ: the one of most raters stays, none in a draw.

    If experts corrected it, they decide alone.
    """
    refused: Refused = {}
    for group in group_by_question(rating for rating in ratings if rating.correction):
        voters = [rating for rating in group if rating.expert] or group
        backing = {
            rating: len({other.rater for other in voters if is_same_correction(rating, other)}) for rating in voters
        }
        best = max(voters, key=lambda rating: (backing[rating], rating.at))
        different = [rating for rating in voters if not is_same_correction(best, rating)]
        rival = max(different, key=lambda rating: backing[rating], default=None)
        draw = rival is not None and backing[rival] == backing[best]
        why = f"outvoted: '{best.correction}'"
        if rival is not None and draw:
            why = f"contradictory: '{best.correction}' and '{rival.correction}'"
        refused |= {rating: why for rating in group if draw or not is_same_correction(best, rating)}
    return refused


def group_by_answer(ratings: list[Rating]) -> list[list[Rating]]:
    """The ratings with a verdict, grouped by question and answer."""
    return group_values(
        ((rating.question_key, normalise_text(rating.answer)), rating) for rating in ratings if rating.verdict
    )


def group_by_rater(ratings: list[Rating]) -> list[list[Rating]]:
    """The ratings of each rater."""
    return group_values((rating.rater, rating) for rating in ratings)
