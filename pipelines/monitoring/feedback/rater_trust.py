"""Whose opinions are trusted: what floods, errs more than the others do, disagrees with them, or is outvoted, is not.

    opinions ─▶ faults ─▶ floods ─▶ unreliable ─▶ dissenters ─▶ outvoted ─▶ contradicted ─▶ trusted

Each filter sees what those before it left. Nothing is lost: what is refused stays where it was said, and is listed.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.corrections import find_faults, is_same_correction
from pipelines.monitoring.feedback.ratings import Rating, group_by_question, group_values, normalise_text

HOUR = 3600  # seconds
Refused = dict[Rating, str]  # opinion → `kind: why`


class Tally(NamedTuple):
    """How often somebody erred, and how often the others did."""

    wrong: int
    of: int
    others_wrong: int
    others_of: int

    def chance(self) -> float:
        """Of erring at least so often if one errs as the others do: Fisher's exact test, which holds for few cases too.

        Source: scipy.
        """
        from scipy.stats import fisher_exact

        own, others = [self.wrong, self.of - self.wrong], [self.others_wrong, self.others_of - self.others_wrong]
        return float(fisher_exact([own, others], alternative="greater").pvalue)


def find_untrusted(said: list[Rating], plan: TrainingPlan) -> Refused:
    """The opinions that are not trusted, each with its reason.

    Args:
        said: oldest first.
    """
    policy = plan.feedback
    wrong = find_faults(said, plan)
    refused = wrong | find_floods(without_refused(said, wrong), policy.hourly)
    refused |= find_unreliable_raters(said, wrong, refused, policy.doubt)
    refused |= find_outlier_raters(without_refused(said, refused), policy.doubt)
    refused |= find_outvoted(without_refused(said, refused))
    return refused | find_contradicted(without_refused(said, refused))


def without_refused(said: list[Rating], refused: Refused) -> list[Rating]:
    return [one for one in said if one not in refused]


def find_floods(said: list[Rating], hourly: int) -> Refused:
    """All that a person says within an hour that holds more than `hourly` opinions of theirs; experts are asked."""
    refused: Refused = {}
    for own in group_by_rater([one for one in said if not one.expert]):
        first = 0
        for last in range(len(own)):
            while own[last].at - own[first].at >= HOUR:
                first += 1
            if last - first >= hourly:
                refused |= dict.fromkeys(own[first : last + 1], f"flood: more than {hourly} within an hour")
    return refused


def find_unreliable_raters(said: list[Rating], wrong: Refused, refused: Refused, doubt: float) -> Refused:
    """Whatever else is said by people whose corrections are at fault beyond chance."""
    found: Refused = {}
    corrected = [one for one in said if one.correction and not one.expert]
    while name := find_worst_rater(count_faults(corrected, wrong), doubt):
        own = [one for one in corrected if one.person == name]
        why = f"unreliable: {len([one for one in own if one in wrong])} of {len(own)} corrections are at fault"
        found |= {one: why for one in without_refused(said, refused) if one.person == name}
        corrected = [one for one in corrected if one.person != name]
    return found


def count_faults(corrected: list[Rating], wrong: Refused) -> dict[str, Tally]:
    bad, every = sum(one in wrong for one in corrected), len(corrected)
    own = {own[0].person: (sum(one in wrong for one in own), len(own)) for own in group_by_rater(corrected)}
    return {person: Tally(w, of, bad - w, every - of) for person, (w, of) in own.items()}


def find_outlier_raters(said: list[Rating], doubt: float) -> Refused:
    """Whatever is said by people, and then by keys whoever uses them, who disagree with the others beyond chance."""
    refused: Refused = {}
    for who in ("person", "key"):
        while name := find_worst_rater(tallies := count_disagreements(without_refused(said, refused), who), doubt):
            why = f"disagrees: with most others on {tallies[name].wrong} of {tallies[name].of} answers"
            refused |= {one: why for one in without_refused(said, refused) if getattr(one, who) == name}
    return refused


def find_worst_rater(tallies: dict[str, Tally], doubt: float) -> str:
    """Who errs most surely more than the others, if surely enough; "" if nobody does.

    The doubt is shared among all that are looked at (Bonferroni). One at a time: whoever had to do with the worst looks
    better without them.
    """
    chances = {name: tally.chance() for name, tally in tallies.items()}
    worst = min(chances, key=lambda name: (chances[name], name), default="")
    return worst if worst and chances[worst] < doubt / len(chances) else ""


def count_disagreements(said: list[Rating], who: str = "person") -> dict[str, Tally]:
    """Of each who judged what others judged too: how often they disagree with the majority of the others; and how often
    one of the others, taken in turn, disagrees with the rest of them. So an answer counts once on a side."""
    judged = verdicts_by_answer(said, who)
    experts = {getattr(one, who) for one in said if one.expert}
    found = {}
    for name in sorted({name for own in judged for name in own} - experts):
        wrong = of = others_wrong = others_of = 0
        for number, own in enumerate(judged):
            rest = sorted(other for other in own if other != name)
            if name in own and (most := majority(own[other] for other in rest)) is not None:
                wrong, of = wrong + (own[name] != most), of + 1
            drawn = rest.pop(number % len(rest))
            if (most := majority(own[other] for other in rest)) is not None:
                others_wrong, others_of = others_wrong + (own[drawn] != most), others_of + 1
        if of and others_of:
            found[name] = Tally(wrong, of, others_wrong, others_of)
    return found


def verdicts_by_answer(said: list[Rating], who: str = "person") -> list[dict[str, bool]]:
    """Of each answer that several judged: who finds it good. The same words to the same question are one answer,
    whenever they were given; who judged it both ways has no say."""
    found = []
    for about in group_by_answer(said):
        votes = group_values((getattr(one, who), (getattr(one, who), one.verdict == "up")) for one in about)
        own = dict(own[0] for own in votes if len(set(own)) == 1)
        if len(own) > 1:
            found.append(own)
    return found


def majority(votes: Iterable[bool]) -> bool | None:
    """None if there are as many either way."""
    count = Counter(votes)
    return None if count[True] == count[False] else count[True] > count[False]


def find_outvoted(said: list[Rating]) -> Refused:
    """Verdicts on an answer that most do not share, and all where there are as many either way.

    Experts decide where they have a verdict.
    """
    refused: Refused = {}
    for about in group_by_answer(said):
        voters = [one for one in about if one.expert] or about
        most = majority(good for _, good in {(one.person, one.verdict == "up") for one in voters})
        why = "contradictory: as many find the answer good as bad"
        if most is not None:
            why = f"outvoted: most find the answer {'good' if most else 'bad'}"
        refused |= {one: why for one in about if most is None or (one.verdict == "up") != most}
    return refused


def find_contradicted(said: list[Rating]) -> Refused:
    """Corrections of one question that say different things: what most people say stays; nothing, if as many say other.

    Experts decide where they gave one.
    """
    refused: Refused = {}
    for about in group_by_question(one for one in said if one.correction):
        voters = [one for one in about if one.expert] or about
        backing = {one: len({other.person for other in voters if is_same_correction(one, other)}) for one in voters}
        best = max(voters, key=lambda one: (backing[one], one.at))
        others = sorted((one for one in voters if not is_same_correction(best, one)), key=lambda one: backing[one])
        why = f"outvoted: {best.correction!r}"
        undecided = bool(others) and backing[others[-1]] == backing[best]
        if undecided:
            why = f"contradictory: {best.correction!r} and {others[-1].correction!r}"
        refused |= {one: why for one in about if undecided or not is_same_correction(best, one)}
    return refused


def group_by_answer(said: list[Rating]) -> list[list[Rating]]:
    """The opinions with a verdict."""
    return group_values(((one.question, normalise_text(one.answer)), one) for one in said if one.verdict)


def group_by_rater(said: list[Rating]) -> list[list[Rating]]:
    return group_values((one.person, one) for one in said)
