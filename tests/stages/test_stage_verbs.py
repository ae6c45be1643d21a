"""Artifacts of two runs are never mixed: a verb refuses them, and names the verb to run again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.core.artifacts import CollectedFeedback, Records, Splits, Validation
from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY, work_folder
from pipelines.stages import lineage, run
from pipelines.stages.dvc import render_dvc_yaml
from pipelines.stages.table import STAGES, stage_function

TEMPLATE = "service_advisor"


class Sources:
    """What the stages return in a test: it stands for uploads, the contract and the like."""

    uploads = "monday"
    contract_is_met = True


@pytest.fixture
def sources(home: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """The data stages, each done in a moment; what they make depends on what they take."""
    sources = Sources()
    monkeypatch.setenv("WEAVER_PROFILE", "cpu")

    def collect_feedback() -> CollectedFeedback:
        return CollectedFeedback()

    def collect(feedback: CollectedFeedback) -> Records:
        return Records(uri="", digest=sources.uploads, rows=1, sources={})

    def validate(records: Records) -> Validation:
        if not sources.contract_is_met:
            raise WeaverError("row 7: kind is odd", "Correct this row.")
        return Validation(uri="", records=records, expectations=1)

    def refine(validation: Validation) -> Splits:
        return Splits(uri="", digest=validation.records.digest, rows={}, dropped={})

    stages = {stage.__name__: stage for stage in (collect_feedback, collect, validate, refine)}
    monkeypatch.setattr(run, "stage_function", stages.__getitem__)
    return sources


def weaver(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        return result.exception
    return json.loads(result.stdout)


def run_verbs(*verbs: str) -> Any:
    return [weaver(verb, TEMPLATE) for verb in verbs][-1]


def refused(error: Any) -> str:
    assert isinstance(error, WeaverError)
    return re.sub(r"\S*/(\w+\.json)", r"\1", f"{error.what} {error.remedy}")


def test_verbs_in_order_take_each_other_s_artifacts(sources: Sources) -> None:
    assert run_verbs("collect-feedback", "collect", "validate", "refine")["digest"] == "monday"


def test_after_a_failed_validation_nothing_takes_the_one_before_it(sources: Sources) -> None:
    run_verbs("collect-feedback", "collect", "validate")
    sources.uploads, sources.contract_is_met = "tuesday", False
    assert "row 7" in refused(run_verbs("collect", "validate"))
    message = refused(run_verbs("refine"))
    assert message.startswith("validate.json does not exist: validate has not run yet, or has failed")
    assert f"`weaver validate {TEMPLATE}`" in message


def test_a_verb_that_was_left_out_is_named(sources: Sources) -> None:
    run_verbs("collect-feedback", "collect", "validate", "refine")
    sources.uploads = "tuesday"
    message = refused(run_verbs("collect", "refine"))
    assert message.startswith("validate.json was made from an earlier result of collect, which has changed since")
    assert f"`weaver validate {TEMPLATE}` again" in message
    message = refused(run_verbs("commit-dataset"))  # the first fault on the way is named, not the last
    assert "validate.json was made from an earlier result of collect" in message
    assert run_verbs("validate", "refine")["digest"] == "tuesday"


def test_the_same_result_again_is_the_same_run(sources: Sources) -> None:
    run_verbs("collect-feedback", "collect", "validate")
    assert run_verbs("collect-feedback", "collect", "refine")["digest"] == "monday"


def test_settings_that_a_stage_depends_on_must_be_the_same_in_later_verbs(sources: Sources) -> None:
    run_verbs("collect-feedback", "collect", "validate", "refine")
    refine, other = ("refine.min_quality=0.4",), ("train.epochs=3",)
    assert weaver("refine", TEMPLATE, "--set", *other)["digest"] == "monday"
    weaver("refine", TEMPLATE, "--set", *refine)
    message = refused(run_verbs("commit-dataset"))
    assert message.startswith("refine.json was made with other settings than these (system_prompt, questions, contract")


def test_a_work_folder_is_of_one_template(sources: Sources, tmp_path: Path) -> None:
    work = ("--work", str(tmp_path))
    for verb in ("collect-feedback", "collect"):
        weaver(verb, TEMPLATE, *work)
    message = refused(weaver("validate", "parts_inventory", *work))
    assert "was made for the template service_advisor, not for parts_inventory" in message
    assert f"`weaver collect-feedback parts_inventory --work {tmp_path}`" in message.replace("\n", " ")


def test_what_nobody_wrote_is_refused(sources: Sources) -> None:
    run_verbs("collect-feedback", "collect", "validate")
    file = lineage.artifact_file(work_folder(TEMPLATE), "validate")
    file.write_text(json.dumps({"uri": "elsewhere"}))
    assert "validate.json is not an artifact that NeuroWeaver wrote" in refused(run_verbs("refine"))


def test_every_stage_is_a_function_that_takes_what_the_table_says() -> None:
    import inspect

    for name, stage in STAGES.items():
        parameters = [*inspect.signature(stage_function(name)).parameters]
        inputs = [parameter for parameter in parameters if parameter not in ("plan", "work", "by", "why")]
        assert len(inputs) >= len(stage.takes), name
        assert set(stage.takes) <= set(STAGES), name
        assert stage.help.endswith("."), name


def test_dvc_yaml_is_that_of_the_table() -> None:
    committed = (REPOSITORY / "dvc.yaml").read_text()
    assert committed == render_dvc_yaml(), "write it anew: python -m pipelines.stages.dvc > dvc.yaml"


def test_dvc_depends_on_files_that_exist_and_on_parameters_that_exist() -> None:
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    stages = yaml.safe_load(render_dvc_yaml())["stages"]
    outs = {out for stage in stages.values() for out in stage["outs"]}
    for name, stage in stages.items():
        for path in stage["deps"]:
            assert path in outs or (REPOSITORY / path).exists(), (name, path)
        for key in stage.get("params", []):
            section, _, field = key.partition(".")
            assert section in params and (not field or field in params[section]), (name, key)
