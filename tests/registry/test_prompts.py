"""The prompt of a model is in MLflow's registry, and its labels move with the model's, which the ledger tells."""

from typing import Any

import pytest

from pipelines.core.plan import Knowledge
from pipelines.registry import ledger, prompts
from pipelines.registry.ledger_check import verify_ledger
from pipelines.registry.promote import find_decision
from pipelines.serving.deployment_pointer import deployed_version_number

from ..models import Home

NO_IDEA = "No record says so."


def labels(models: Home) -> tuple[str, str]:
    """The versions behind the prompt's aliases champion and challenger."""
    name = prompts.prompt_name(models.name)
    found = (
        models.client.load_prompt(f"prompts:/{name}@{alias}", allow_missing=True, cache_ttl_seconds=0)
        for alias in ("champion", "challenger")
    )
    return tuple(str(prompt.version) if prompt else "" for prompt in found)  # type: ignore[return-value]


def change_prompt(models: Home, **update: Any) -> None:
    models.plan = models.plan.model_copy(update=update)


def test_the_same_prompt_is_registered_once_and_says_all_that_the_model_is_asked_with(models: Home) -> None:
    models.promoted(1, 2)
    assert labels(models) == ("1", "1")
    uri = f"prompts:/{models.name}_prompt/1"
    assert models.client.get_model_version(models.name, "2").tags["prompt"] == uri
    prompt = models.client.load_prompt(uri)
    assert prompt.template == [
        {"role": "system", "content": models.plan.system_prompt},
        {"role": "user", "content": "{{question}}\n{{records}}"},
    ]
    assert prompt.tags["decline_sentence"] == "That is not in the record."
    assert "2021 Honda Civic | city 30 mpg" in prompt.tags["records"]


def test_labels_move_with_the_models_and_the_ledger_says_who_moved_them_and_why(models: Home) -> None:
    models.promoted(1)
    change_prompt(models, system_prompt="You are a careful service advisor.")
    challenger = models.challenger(2, champion=1)
    assert labels(models) == ("1", "2")
    models.promote(challenger, why="clearer")
    assert labels(models) == ("2", "2")
    models.rollback(why="it is too careful")
    assert labels(models) == ("1", "2")
    moves = [
        (entry.event, entry.by, entry.why, entry.record["prompt"].rpartition("/")[2])
        for entry in ledger.read_intents(models.name)
    ]
    assert moves == [
        ("promotion", "ada", "better", "1"),
        ("promotion", "ada", "clearer", "2"),
        ("rollback", "ada", "it is too careful", "1"),
    ]


def test_another_decline_sentence_is_another_prompt_and_another_decision(models: Home) -> None:
    challenger = models.challenger(1)
    models.promote(challenger)
    assert "approved" in find_decision(models.dataset, models.plan)
    change_prompt(models, knowledge=Knowledge(decline_sentence=NO_IDEA))
    assert not find_decision(models.dataset, models.plan)
    assert models.challenger(1, champion=1)["register"].version == 2, "of the same adapter"
    assert labels(models) == ("1", "2")


def test_a_label_that_was_moved_by_hand_is_noticed(models: Home) -> None:
    models.promoted(1)
    change_prompt(models, system_prompt="You are a careful service advisor.")
    models.challenger(2, champion=1)
    models.client.set_prompt_alias(prompts.prompt_name(models.name), "champion", 2)
    (finding,) = verify_ledger({models.name: deployed_version_number(models.name)})[1]
    assert (
        f"the alias champion of the prompt {models.name}_prompt is on prompts:/{models.name}_prompt/2" in finding.what
    )


@pytest.mark.parametrize("tagged", [True, False])
def test_a_version_from_before_prompts_were_registered_has_no_label(models: Home, tagged: bool) -> None:
    models.promoted(1, 2)
    if not tagged:
        models.client.delete_model_version_tag(models.name, "1", "prompt")
    models.rollback()
    assert labels(models)[0] == ("1" if tagged else "")
    assert verify_ledger({models.name: deployed_version_number(models.name)})[1] == []
