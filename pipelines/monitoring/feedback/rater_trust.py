"""Whose opinions are trusted: what floods, errs more than the others do, disagrees with them, or is outvoted, is not.

    opinions ─▶ faults ─▶ floods ─▶ unreliable ─▶ dissenters ─▶ outvoted ─▶ contradicted ─▶ trusted

Each filter sees what those before it left. Nothing is lost: what is refused stays where it was said, and is listed.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback.corrections import faults, same
from pipelines.monitoring.feedback.ratings import Opinion, by_question, grouped, plain

HOUR = 3600  # seconds
Refused = dict[Opinion, str]  # opinion → `kind: why`


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


def sift(said: list[Opinion], plan: TrainingPlan) -> Refused:
    """The opinions that are not trusted, each with its reason.

    Args:
        said: oldest first.
    """
    policy = plan.feedback
    wrong = faults(said, plan)
    refused = wrong | floods(left(said, wrong), policy.hourly)
    refused |= unreliable(said, wrong, refused, policy.doubt)
    refused |= dissenters(left(said, refused), policy.doubt)
    refused |= outvoted(left(said, refused))
    return refused | contradicted(left(said, refused))


def left(said: list[Opinion], refused: Refused) -> list[Opinion]:
    return [one for one in said if one not in refused]


def floods(said: list[Opinion], hourly: int) -> Refused:
    """All that a person says within an hour that holds more than `hourly` opinions of theirs; experts are asked."""
    refused: Refused = {}
    for own in by_person([one for one in said if not one.expert]):
        first = 0
        for last in range(len(own)):
            while own[last].at - own[first].at >= HOUR:
                first += 1
            if last - first >= hourly:
                refused |= dict.fromkeys(own[first : last + 1], f"flood: more than {hourly} within an hour")
    return refused


def unreliable(said: list[Opinion], wrong: Refused, refused: Refused, doubt: float) -> Refused:
    """Whatever else is said by people whose corrections are at fault beyond chance."""
    found: Refused = {}
    corrected = [one for one in said if one.correction and not one.expert]
    while name := beyond_chance(errors(corrected, wrong), doubt):
        own = [one for one in corrected if one.person == name]
        why = f"unreliable: {len([one for one in own if one in wrong])} of {len(own)} corrections are at fault"
        found |= {one: why for one in left(said, refused) if one.person == name}
        corrected = [one for one in corrected if one.person != name]
    return found


def errors(corrected: list[Opinion], wrong: Refused) -> dict[str, Tally]:
    bad, every = sum(one in wrong for one in corrected), len(corrected)
    own = {own[0].person: (sum(one in wrong for one in own), len(own)) for own in by_person(corrected)}
    return {person: Tally(w, of, bad - w, every - of) for person, (w, of) in own.items()}


def dissenters(said: list[Opinion], doubt: float) -> Refused:
    """Whatever is said by people, and then by keys whoever uses them, who disagree with the others beyond chance."""
    refused: Refused = {}
    for who in ("person", "key"):
        while name := beyond_chance(tallies := disagreements(left(said, refused), who), doubt):
            why = f"disagrees: with most others on {tallies[name].wrong} of {tallies[name].of} answers"
            refused |= {one: why for one in left(said, refused) if getattr(one, who) == name}
    return refused


def beyond_chance(tallies: dict[str, Tally], doubt: float) -> str:
    """Who errs most surely more than the others, if surely enough; "" if nobody does.

    The doubt is shared among all that are looked at (Bonferroni). One at a time: whoever had to do with the worst looks
    better without them.
    """
    chances = {name: tally.chance() for name, tally in tallies.items()}
    worst = min(chances, key=lambda name: (chances[name], name), default="")
    return worst if worst and chances[worst] < doubt / len(chances) else ""


def disagreements(said: list[Opinion], who: str = "person") -> dict[str, Tally]:
    """Of each who judged what others judged too: how often they disagree with the majority of the others; and how often
    one of the others, taken in turn, disagrees with the rest of them. So an answer counts once on a side."""
    judged = answers(said, who)
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


def answers(said: list[Opinion], who: str = "person") -> list[dict[str, bool]]:
    """Of each answer that several judged: who finds it good. The same words to the same question are one answer,
    whenever they were given; who judged it both ways has no say."""
    found = []
    for about in by_answer(said):
        votes = grouped((getattr(one, who), (getattr(one, who), one.verdict == "up")) for one in about)
        own = dict(own[0] for own in votes if len(set(own)) == 1)
        if len(own) > 1:
            found.append(own)
    return found


def majority(votes: Iterable[bool]) -> bool | None:
    """None if there are as many either way."""
    count = Counter(votes)
    return None if count[True] == count[False] else count[True] > count[False]


def outvoted(said: list[Opinion]) -> Refused:
    """Verdicts on an answer that most do not share, and all where there are as many either way.

    Experts decide where they have a verdict.
    """
    refused: Refused = {}
    for about in by_answer(said):
        voters = [one for one in about if one.expert] or about
        most = majority(good for _, good in {(one.person, one.verdict == "up") for one in voters})
        why = "contradictory: as many find the answer good as bad"
        if most is not None:
            why = f"outvoted: most find the answer {'good' if most else 'bad'}"
        refused |= {one: why for one in about if most is None or (one.verdict == "up") != most}
    return refused


def contradicted(said: list[Opinion]) -> Refused:
    """Corrections of one question that say different things: what most people say stays; nothing, if as many say other.

    Experts decide where they gave one.
    """
    refused: Refused = {}
    for about in by_question(one for one in said if one.correction):
        voters = [one for one in about if one.expert] or about
        backing = {one: len({other.person for other in voters if same(one, other)}) for one in voters}
        best = max(voters, key=lambda one: (backing[one], one.at))
        others = sorted((one for one in voters if not same(best, one)), key=lambda one: backing[one])
        why = f"outvoted: {best.correction!r}"
        undecided = bool(others) and backing[others[-1]] == backing[best]
        if undecided:
            why = f"contradictory: {best.correction!r} and {others[-1].correction!r}"
        refused |= {one: why for one in about if undecided or not same(best, one)}
    return refused


def by_answer(said: list[Opinion]) -> list[list[Opinion]]:
    """The opinions with a verdict."""
    return grouped(((one.question, plain(one.answer)), one) for one in said if one.verdict)


def by_person(said: list[Opinion]) -> list[list[Opinion]]:
    return grouped((one.person, one) for one in said)
