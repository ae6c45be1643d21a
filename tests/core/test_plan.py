"""Every setting says what it is: in the trigger form, in the schema, in an editor."""

from typing import Any

import pytest

from pipelines.core.plan import SECTION_TITLES, TUNABLE, Section, TrainingPlan

SECTIONS: dict[str, Any] = {
    name: field.annotation
    for name, field in TrainingPlan.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_has_a_title_and_a_description(name: str) -> None:
    section = SECTIONS[name]
    assert section.__doc__ and section.__doc__.endswith("."), name
    for key, schema in section.model_json_schema()["properties"].items():
        assert schema["title"][:1].isupper() or schema["title"] == "kWh", (key, schema["title"])
        assert "_" not in schema["title"], key
        description = schema.get("description", "")
        assert len(description) > 4 and not description.endswith("."), (key, description)


def test_every_section_of_the_form_has_a_title() -> None:
    assert set(SECTION_TITLES) == set(TUNABLE) <= set(SECTIONS)


def test_a_misspelt_section_has_no_digest(plan: TrainingPlan) -> None:
    with pytest.raises(ValueError, match="judge_answers"):
        plan.digest("template", "judge_answers")


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> TrainingPlan:
    from pipelines.core.make_plan import make_plan

    monkeypatch.setenv("WEAVER_PROFILE", "cpu")
    return make_plan("service_advisor")
