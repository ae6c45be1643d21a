"""What weakens a safeguard is changed in the template by its owner: in no form, by no --set, by no asset event."""

from pathlib import Path

import pytest
import yaml

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import SAFEGUARDS
from pipelines.core.settings import REPOSITORY, settings
from pipelines.core.templates import find_template_files
from pipelines.core.trigger_form import list_form_fields
from pipelines.monitoring.drift.trigger import merge_events

TEMPLATE = "service_advisor"
SETTINGS = {
    "gate.gain_over_base": -1,
    "gate.behaviours": "reported",
    "review.questions": 0,
    "privacy.ssn": "keep",
    "approval.reviewers": ["engineer"],
    "approval.four_eyes": False,
    "budget.run_cost": 0,
    "evaluate.confidence": 0.6,
    "refine.steps": ["sample"],
}


@pytest.fixture(autouse=True)
def cpu(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_PROFILE", "cpu")
    settings.cache_clear()


@pytest.mark.parametrize("key", SETTINGS)
def test_an_override_of_a_safeguard_is_refused_and_names_the_file_to_change(key: str) -> None:
    with pytest.raises(WeaverError, match="a safeguard of service_advisor and cannot be set for one run") as refused:
        make_plan(TEMPLATE, {key: SETTINGS[key]})
    assert "templates/service_advisor.yaml" in refused.value.remedy and "--experiment" in refused.value.remedy


def test_what_is_no_safeguard_may_be_set() -> None:
    plan = make_plan(TEMPLATE, {"train.epochs": "3", "refine.steps": "[personal, sample]"})
    assert plan.train.epochs == 3 and plan.refine.steps == ["personal", "sample"] and not plan.experiment


def test_an_experiment_may_change_the_gate_and_says_that_it_is_one() -> None:
    plan = make_plan(TEMPLATE, {"gate.gain_over_base": "-1", "privacy.ssn": "keep"}, experiment=True)
    assert plan.experiment and plan.gate.gain_over_base == -1 and plan.privacy.ssn == "keep"
    assert plan.digest() != make_plan(TEMPLATE).digest()


@pytest.mark.parametrize("key", ["gate.gain_over_base", "privacy.ssn", "experiment"])
def test_an_asset_event_changes_no_safeguard(key: str) -> None:
    with pytest.raises(WeaverError, match=r"safeguard|unknown setting 'experiment'"):
        merge_events(TEMPLATE, [{"reason": "r", "config": {key: True}}])


def test_the_trigger_form_has_no_safeguards() -> None:
    fields = {field.key for field in list_form_fields(TEMPLATE)}
    assert "train.learning_rate" in fields and "evaluate.questions" in fields
    assert not {key for key in fields if key.partition(".")[0] in SAFEGUARDS} | fields & {"evaluate.confidence"}


@pytest.mark.parametrize("section", ["gate", "privacy", "review"])
def test_a_profile_holds_no_safeguards(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    assert not any(set(profile) & set(SAFEGUARDS) for profile in params["profiles"].values())
    params["profiles"]["cpu"][section] = {"questions": 0}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.setenv("WEAVER_PARAMS", str(tmp_path / "params.yaml"))
    settings.cache_clear()
    with pytest.raises(WeaverError, match=f"the profile cpu sets {section}, which is a safeguard"):
        make_plan(TEMPLATE)


def test_the_steps_that_the_owner_chose_may_come_back_from_the_form(home: Path) -> None:
    """Airflow's form sends every field, changed or not: a template without the step is run, not refused."""
    values = yaml.safe_load(find_template_files()[TEMPLATE].read_text())
    values |= {"name": "open_desk", "refine": {"steps": ["normalise", "sample"]}}
    (home / "templates").mkdir()
    (home / "templates" / "open_desk.yaml").write_text(yaml.safe_dump(values))
    sent = {key: value for key, _, value, _ in list_form_fields("open_desk")}
    assert make_plan("open_desk", sent).refine.steps == ["normalise", "sample"]
    with pytest.raises(WeaverError, match=r"refine\.steps without the step 'personal'"):
        make_plan("open_desk", {"refine.steps": ["sample"]})
