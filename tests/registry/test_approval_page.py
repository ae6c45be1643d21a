"""The approval page: what matters most for the decision stands first, in sentences with units."""

import json
from datetime import timedelta
from typing import Any

import pytest

from pipelines.core.artifacts import Behaviour, ReviewScores
from pipelines.core.make_plan import make_plan
from pipelines.registry.approval_page import render_approval_page
from pipelines.registry.gate import judge

from ..models import Home, comparison


def page(models: Home, started_by: str = "engineer", **changes: Any) -> str:
    """The page of a second version, whose evaluation differs by `changes`."""
    candidate = models.challenger(2, champion=1)
    candidate["evaluate"] = candidate["evaluate"].model_copy(update=changes)
    candidate["gate"] = judge(candidate["evaluate"], ReviewScores(), models.plan)
    evidence = models.evidence(candidate)
    parts = (candidate["register"], candidate["evaluate"], candidate["gate"], evidence)
    return render_approval_page(*parts, models.plan, started_by=started_by, wait=timedelta(hours=20))


@pytest.fixture
def models_with_champion(models: Home) -> Home:
    models.promoted(1)
    return models


def test_it_says_first_how_much_better_it_is_and_what_no_answer_means(models_with_champion: Home) -> None:
    text = page(models_with_champion)
    first, second = text.split("\n\n")[:2]
    assert "asks to become the champion" in first
    assert "On 218 held-out questions it has 80.0% of the facts right; the champion (version 1) has 60.0%" in first
    assert "**+20.0 percentage points**. 2.0% of its answers are wrong and confident." in first
    assert second.startswith("**Without an answer until ") and "UTC this is a no**" in second
    assert "version 1 stays the champion" in second


def test_the_order_is_better_worse_changes_rules_links(models_with_champion: Home) -> None:
    text = page(models_with_champion)
    titles = ("What gets better", "What gets worse", "What was changed for this run", "The gate", "More")
    places = [text.index(f"### {title}") for title in titles]
    assert places == sorted(places)
    assert "+20.0 percentage points against the champion on all questions (218 questions; proven;" in text


def test_what_gets_worse_and_what_fails_is_named(models_with_champion: Home) -> None:
    worse = comparison("champion", -0.1, slice="topic: brakes")
    arms = [comparison(arm) for arm in ("base", "base_retrieval", "few_shot", "champion")] + [worse]
    failed = Behaviour(name="refuses prices", kind="refusal", cases=20, passed=17, min_share=0.95)
    text = page(models_with_champion, comparisons=arms, behaviours=[failed], leaked_questions=2)
    section = text[text.index("### What gets worse") : text.index("### What was changed")]
    assert "**Behaviour test 'refuses prices' fails**: 3 of 20 refusal cases" in section
    assert "**2 held-out questions have a near-duplicate in the training rows**" in section
    assert "-10.0 percentage points against the champion on 'topic: brakes'" in section


def test_near_duplicates_are_named_only_where_there_are_some(models_with_champion: Home) -> None:
    text = page(models_with_champion)
    assert "Nothing that was measured." in text
    assert "have a near-duplicate" not in text and "none has a near-duplicate in the training rows" in text


def test_figures_have_units_and_rules_are_sentences(models_with_champion: Home) -> None:
    text = page(models_with_champion)
    assert "The time per answer (95th percentile) must be at most 30 seconds | 1.5 seconds" in text
    assert "The cost of 1,000 answers must be at most 10 USD | 0.04 USD" in text
    assert "The held-out loss, as a share of the base model's, must be at most 50.0% | 20.0%" in text
    assert "nats per token" in text and " an answer |" not in text
    rule = "The share of answers that are wrong and confident must be at most 3.0%"
    assert f"| {rule} | 2.0% | of 200 answers whose facts are known, or that should decline |" in text


def test_it_shows_what_whoever_started_the_run_changed(models_with_champion: Home) -> None:
    assert "Nothing: it uses the template as it is." in page(models_with_champion)
    models_with_champion.plan = make_plan(models_with_champion.name, {"train.epochs": 5})
    text = page(models_with_champion)
    assert "Started by engineer." in text and "| `train.epochs` | 1.0 | **5.0** |" in text
    models_with_champion.plan = make_plan(models_with_champion.name, {"gate.gain_over_base": -1}, experiment=True)
    text = page(models_with_champion, started_by="")
    assert "| `experiment` | False | **True** |" in text and "| `gate.gain_over_base` | 0.05 | **-1.0** |" in text
    assert "by the schedule or by drift" in text


def test_it_names_what_the_answer_counts_for(models_with_champion: Home) -> None:
    text = page(models_with_champion)
    pack = next(models_with_champion.folder.rglob("v2/export.json"))
    assert json.loads(pack.read_text())["model_digest"][:16] in text
    assert "Your answer counts for the evidence with the digest" in text
