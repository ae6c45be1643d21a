"""How often the gate promotes a challenger that is no better, and how often it refuses one that is.

Made-up challengers, whose true quality is known, answer made-up questions; what decides is the gate's own code
(`compare.comparisons`, `policy.gains`, `policy.slices`, with fewer resamples), beside the usual bare rule: promote what
scores at least as high as the champion.

Questions come in clusters, as the Service Advisor's do: three about a record of a vehicle, one or two records each,
right or wrong; four about a trouble code, graded as token F1 is. Behind every answer of an arm stands a uniform number
made of normal ones: how hard the cluster and the question are, which both arms share, and what this arm happens to know
of the cluster and of the question, which they do not. A right-or-wrong answer is right if the number lies in the top
share that is the arm's true quality in the topic; a graded one is that number to the power that makes it the mean.
So the true gain is exact, and how alike two arms answer, and how well, differs from challenger to challenger.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.artifacts import Arm
from pipelines.core.files import atomic_write
from pipelines.core.plan import Evaluate, Gate
from pipelines.core.settings import settings
from pipelines.evaluation import paired_statistics
from pipelines.registry import gate_rules
from pipelines.statistics import paired_bootstrap

QUESTIONS = (40, 100, 200, 400, 800)
VEHICLE = {"engine": 0.85, "fuel_economy": 0.6, "drivetrain": 0.75}  # topic → the champion's true quality, on average
CODE = {"code_meaning": 0.7, "code_urgency": 0.8, "code_cause": 0.5, "code_check": 0.5}
LOST = "better, one topic 30 points worse"
# Challengers' true gain: the same in every topic, or one topic lost for the sake of the others.
TRUTHS: dict[str, dict[str, float]] = {
    "3 points worse": dict.fromkeys((*VEHICLE, *CODE), -0.03),
    "equal": dict.fromkeys((*VEHICLE, *CODE), 0.0),
    "5 points better": dict.fromkeys((*VEHICLE, *CODE), 0.05),
    "10 points better": dict.fromkeys((*VEHICLE, *CODE), 0.10),
    LOST: dict.fromkeys((*VEHICLE, *CODE), 0.10) | {"fuel_economy": -0.30},
}
BETTER = ("5 points better", "10 points better")
PLAN, GATE = Evaluate(resamples=999), Gate()
CHUNK = 25  # challengers a task


def run(challengers: int = 600, picture: Path | None = None) -> dict[str, Any]:
    """Judge `challengers` that are equal to the champion, and half as many of each other truth, a number of questions.

    Args:
        challengers: rounded up to tasks of 25.
        picture: where to draw the outcome; bench/gate.png in WEAVER_HOME if not given.

    Returns:
        false_promotion_rate: of challengers truly equal to the champion (the hardest not to promote), over all numbers
        of questions, and at the worst of them; missed_improvement_rate: of those truly 5 or 10 points better, over all
        numbers of questions; each also by the bare rule; slices_refused: equal ones that the rules on slices refuse;
        slices_caught: those truly worse in one topic that they do; by_truth: truth → questions → shares promoted, by
        either rule, and refused over slices; by_interval: questions → equal ones that the rule on gains would promote,
        with our interval and with others; plot: the picture's path.
    """
    from rich.console import Console
    from rich.progress import track

    began = time.perf_counter()
    tasks = [
        (truth, questions, seed)
        for truth in TRUTHS
        for questions in QUESTIONS
        for seed in range(0, challengers if truth == "equal" else challengers // 2, CHUNK)
    ]
    verdicts: dict[tuple[str, int], list[dict[str, bool]]] = {(truth, n): [] for truth in TRUTHS for n in QUESTIONS}
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:  # a fork would copy the locks of others' threads
        waiting = {pool.submit(judge, *task): task for task in tasks}
        shown = track(as_completed(waiting), "judging challengers", len(tasks), console=Console(stderr=True))
        for done in shown:
            verdicts[waiting[done][:2]] += done.result()
    by_truth = {
        truth: {n: {name: share(verdicts[truth, n], name) for name in ("ours", "bare", "slices")} for n in QUESTIONS}
        for truth in TRUTHS
    }
    picture = picture or settings().home / "bench" / "gate.png"
    with atomic_write(picture) as temporary:
        plot(by_truth).savefig(temporary, format="png", dpi=100)
    equal = [one for n in QUESTIONS for one in verdicts["equal", n]]
    better = [one for truth in BETTER for n in QUESTIONS for one in verdicts[truth, n]]
    lost = [one for n in QUESTIONS for one in verdicts[LOST, n]]
    return {
        "challengers": sum(map(len, verdicts.values())),
        "false_promotion_rate": share(equal, "ours"),
        "bare_rule_false_promotion_rate": share(equal, "bare"),
        "worst_false_promotion_rate": max(by_truth["equal"][n]["ours"] for n in QUESTIONS),
        "missed_improvement_rate": round(1 - share(better, "ours"), 4),
        "bare_rule_missed_improvement_rate": round(1 - share(better, "bare"), 4),
        "slices_refused": share(equal, "slices"),
        "slices_caught": share(lost, "slices"),
        "by_truth": by_truth,
        "by_interval": {
            n: {name: share(verdicts["equal", n], name) for name in ("gains", "percentile", "BCa")} for n in QUESTIONS
        },
        "seconds": time.perf_counter() - began,
        "plot": str(picture),
    }


def judge(truth: str, questions: int, seed: int) -> list[dict[str, bool]]:
    """Of CHUNK challengers, who would promote each; slices: whether the rules on slices refuse it."""
    verdicts = []
    for number in range(seed, seed + CHUNK):
        rng = np.random.default_rng([list(TRUTHS).index(truth), questions, number])
        answers = examination(rng, TRUTHS[truth], questions)
        compared = paired_statistics.compare_arms(answers, GATE.metric, PLAN)
        gains = all(rule.passed for rule in gate_rules.gain_rules(compared, GATE))
        slices = all(rule.passed for rule in gate_rules.slice_rules(compared, GATE))
        bare = round(compared[0].gain, 9) >= 0
        others = plain_intervals(answers) if truth == "equal" else {}
        verdicts.append({"ours": gains and slices, "gains": gains, "slices": not slices, "bare": bare} | others)
    return verdicts


def examination(rng: np.random.Generator, gains: dict[str, float], questions: int) -> dict[Arm, list[dict[str, Any]]]:
    """Champion's and challenger's scored answers to so many questions, in whole clusters but for the last."""
    from scipy.special import ndtr

    topics, clusters = sample_topics(rng, questions)
    shared, base_share = rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.5)
    names, members = np.unique(clusters, return_inverse=True)

    def normal(of_cluster: float) -> np.ndarray:
        one, other = rng.standard_normal(len(names))[members], rng.standard_normal(questions)
        return np.asarray(np.sqrt(of_cluster) * one + np.sqrt(1 - of_cluster) * other)

    hard, shift = normal(0.4), rng.uniform(-0.2, 0)
    quality = np.array([(VEHICLE | CODE)[topic] + shift for topic in topics])
    gain = np.array([gains[topic] for topic in topics])
    answers: dict[Arm, list[dict[str, Any]]] = {}
    truths: dict[Arm, np.ndarray] = {"champion": quality, "challenger": quality + gain}
    for arm, truly in truths.items():
        uniform = ndtr(np.sqrt(shared) * hard + np.sqrt(1 - shared) * normal(base_share))
        scores = np.where([topic in VEHICLE for topic in topics], uniform > 1 - truly, uniform ** (1 / truly - 1))
        answers[arm] = [
            {"score": float(score), "cluster": cluster, "slices": ["all", kind(topic), topic]}
            for score, topic, cluster in zip(scores, topics, clusters, strict=True)
        ]
    return answers


def sample_topics(rng: np.random.Generator, questions: int) -> tuple[list[str], list[str]]:
    """Topic and cluster of each question."""
    topics: list[str] = []
    clusters: list[str] = []
    while len(topics) < questions:
        about = list(VEHICLE) * int(rng.integers(1, 3)) if rng.random() < 0.65 else list(CODE)
        clusters += [f"{len(topics)}"] * len(about)
        topics += about
    return topics[:questions], clusters[:questions]


def kind(topic: str) -> str:
    return "grounded" if topic in VEHICLE else "knowledge"


def plain_intervals(answers: dict[Arm, list[dict[str, Any]]]) -> dict[str, bool]:
    """What scipy's own intervals of the same resampling would promote."""
    from scipy import stats

    gains = [
        ours["score"] - theirs["score"] for ours, theirs in zip(answers["challenger"], answers["champion"], strict=True)
    ]
    _, members = np.unique([row["cluster"] for row in answers["champion"]], return_inverse=True)
    sample = np.bincount(members, weights=gains), np.bincount(members)
    settled = {"paired": True, "vectorized": True, "confidence_level": PLAN.confidence}
    percentile = stats.bootstrap(
        sample, paired_bootstrap.ratio_of_sums, method="percentile", n_resamples=PLAN.resamples, rng=17, **settled
    )
    bca = stats.bootstrap(
        sample, paired_bootstrap.ratio_of_sums, method="BCa", n_resamples=0, bootstrap_result=percentile, **settled
    )
    return {"percentile": bool(percentile.confidence_interval.low > 0), "BCa": bool(bca.confidence_interval.low > 0)}


def share(verdicts: list[dict[str, bool]], name: str) -> float:
    return round(sum(one[name] for one in verdicts) / len(verdicts), 4)


def plot(by_truth: dict[str, dict[int, dict[str, float]]]) -> Any:
    """Two panels: what is promoted though it is equal, and what is refused though it is better."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    wrongly, missed = figure.subplots(1, 2)
    wrongly.set_title("Promoted, though truly equal", loc="left", fontweight="bold")
    wrongly.axhline(5, color="#b0b7c3", linestyle="--", linewidth=1)
    wrongly.text(QUESTIONS[-1], 6, "5%", color="#6b7280", ha="right")
    missed.set_title("Refused, though truly better", loc="left", fontweight="bold")
    for panel, truth, rule, colour, style in (
        (wrongly, "equal", "bare", "#d1495b", "-"),
        (wrongly, "equal", "ours", "#1f6feb", "-"),
        (missed, "5 points better", "bare", "#d1495b", "-"),
        (missed, "10 points better", "bare", "#d1495b", ":"),
        (missed, "5 points better", "ours", "#1f6feb", "-"),
        (missed, "10 points better", "ours", "#1f6feb", ":"),
    ):
        shares = [by_truth[truth][n][rule] for n in QUESTIONS]
        drawn = [100 * (one if truth == "equal" else 1 - one) for one in shares]
        name = "challenger ≥ champion" if rule == "bare" else "this gate"
        panel.plot(
            QUESTIONS,
            drawn,
            style,
            color=colour,
            marker="o",
            markersize=4,
            label=name if truth == "equal" else f"{name}, {truth}",
        )
    for panel in (wrongly, missed):
        panel.set(xscale="log", xlabel="held-out questions", ylim=(0, 100))
        panel.set_xticks(QUESTIONS, QUESTIONS)
        panel.minorticks_off()
        panel.yaxis.set_major_formatter("{x:.0f}%")
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8)
    return figure
