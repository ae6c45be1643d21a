"""The prompt of a template in MLflow's prompt registry: system text, layout of records, and the decline sentence.

A model is trained, evaluated and approved with one prompt. So its version carries the prompt's version as the tag
`prompt`, and the prompt's alias `champion` moves with the model's, at a promotion as at a rollback.
"""

from typing import Any

from pipelines.core.files import digest
from pipelines.core.plan import TrainingPlan
from pipelines.text.chat_format import prompt_messages
from pipelines.text.passages import Passage, lay_out

TAG = "prompt"  # of a registered model's version: the URI of its prompt, prompts:/service_advisor_prompt/3
MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")  # how MLflow's stores say it
CHAMPION, CHALLENGER = "champion", "challenger"
EXAMPLES = (  # records as a prompt shows them: another layout is another prompt
    Passage("example:1", "2021 Honda Civic | city 30 mpg | highway 38 mpg", "2021 Honda Civic", "example"),
    Passage(
        "manual.pdf#brakes:1",
        "Replace the pads at 3 mm.",
        "manual.pdf \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} Brakes",
        "manual.pdf",
        12,
    ),
)


def prompt_name(template: str) -> str:
    """The prompt's name; a registered model and a prompt cannot have the same one."""
    return f"{template}_prompt"


def register_prompt(client: Any, plan: TrainingPlan) -> str:
    """The URI of the plan's prompt, registered where no version says the same; the alias `challenger` points at it.

    Raises:
        MlflowException: the server does not answer, or refused.
    """
    name = prompt_name(plan.template)
    messages = prompt_messages({"instruction": "{{question}}", "input": "{{records}}"}, plan.system_prompt)
    content = {"decline_sentence": plan.knowledge.decline_sentence, "records": lay_out(EXAMPLES)}
    tags = content | {"digest": digest([messages, content])}
    prompt = find_prompt(client, name, tags["digest"])
    if prompt is None:
        message = f"Unanswered questions get: {plan.knowledge.decline_sentence}"
        prompt = client.register_prompt(name, messages, commit_message=message, tags=tags)
    client.set_prompt_alias(name, CHALLENGER, prompt.version)
    return f"prompts:/{name}/{prompt.version}"


def find_prompt(client: Any, name: str, content: str) -> Any:
    """The newest version of a prompt with this digest of its content; None if there is none."""
    versions = client.search_prompt_versions(name) if client.get_prompt(name) else []
    alike = [version for version in versions if version.tags.get("digest") == content]
    return max(alike, key=lambda version: int(version.version), default=None)


def read_prompt(client: Any, name: str, version: int) -> str:
    """The URI of the prompt that a registered version was approved with; empty if it was registered without one."""
    uri: str = client.get_model_version(name, str(version)).tags.get(TAG, "")
    return uri


def set_champion_prompt(client: Any, name: str, version: int) -> None:
    """Move the prompt's alias `champion` to the prompt of a registered version; remove it where that has none."""
    if uri := read_prompt(client, name, version):
        prompt, _, number = uri.removeprefix("prompts:/").rpartition("/")
        client.set_prompt_alias(prompt, CHAMPION, int(number))
    elif find_champion_prompt(client, name):
        client.delete_prompt_alias(prompt_name(name), CHAMPION)


def find_champion_prompt(client: Any, name: str) -> str:
    """The URI of the prompt behind the alias `champion`; empty if there is none."""
    from mlflow.exceptions import MlflowException

    try:  # `load_prompt` would also link the prompt to an experiment, in a thread
        prompt = client.get_prompt_version_by_alias(prompt_name(name), CHAMPION)
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        return ""
    return f"prompts:/{prompt.name}/{prompt.version}" if prompt else ""
