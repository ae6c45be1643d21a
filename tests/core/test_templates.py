"""What a user may type wrong in YAML, in a form, or on the command line, and what is then said."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.params import cpu_has_bfloat16
from pipelines.core.plan import SAFEGUARDS, TUNABLE
from pipelines.core.settings import REPOSITORY, settings
from pipelines.core.template_check import find_broken_templates
from pipelines.core.template_edit import create_template, update_template
from pipelines.core.templates import Template, find_template_files, load_template, template_schema
from pipelines.core.trigger_form import list_form_fields
from pipelines.core.validation import validate_section


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write a params.yaml and use it."""

    def write(text: str) -> Path:
        path = tmp_path / "params.yaml"
        path.write_text(text)
        monkeypatch.setenv("WEAVER_PARAMS", str(path))
        monkeypatch.setenv("WEAVER_PROFILE", "cpu")
        settings.cache_clear()
        return path

    yield write
    settings.cache_clear()


def default_params(**changes) -> str:
    return yaml.safe_dump(yaml.safe_load((REPOSITORY / "params.yaml").read_text()) | changes)


def test_an_empty_file_holds_nothing(params) -> None:
    path = params("")
    with pytest.raises(WeaverError, match=rf"{path} is empty"):
        make_plan("service_advisor")


def test_what_is_no_text_or_no_file_is_named(params) -> None:
    path = params("")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(WeaverError, match=rf"{path} is not UTF-8.*byte 0"):
        make_plan("service_advisor")
    path.unlink()
    path.mkdir()
    with pytest.raises(WeaverError, match=rf"{path} cannot be read: Is a directory"):
        make_plan("service_advisor")


def test_malformed_yaml_names_file_and_line(params) -> None:
    path = params("train:\n  learning_rate: [1e-3\nprofiles: {cpu: {}}\n")
    with pytest.raises(WeaverError, match=rf"{path} is not valid YAML.*line 3"):
        make_plan("service_advisor")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trian": {}}, "unknown key 'trian'; did you mean 'train'"),
        ({"train": {"lerning_rate": 1e-3}}, "unknown key 'train.lerning_rate'; did you mean 'train.learning_rate'"),
        ({"train": {"epochs": "many"}}, "train.epochs: .*not 'many'"),
        ({"train": {"learning_rate": -1}}, "train.learning_rate: .*greater than 0, not -1"),
        ({"base": {"quantisation": "nf5"}}, "base.quantisation: .*'nf4' or 'none', not 'nf5'"),
    ],
)
def test_a_bad_key_or_value_in_params_is_named(params, changes: dict, said: str) -> None:
    path = params(default_params(**changes))
    with pytest.raises(WeaverError, match=said) as caught:
        make_plan("service_advisor")
    assert str(path) in caught.value.what


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"train.lerning_rate": "1"}, "did you mean 'train.learning_rate'"),
        ({"learning_rate": "1"}, "did you mean 'train.learning_rate'"),
        ({"train.epochs": "soon"}, "train.epochs: .*not 'soon'"),
    ],
)
def test_a_bad_override_is_named(params, override: dict, said: str) -> None:
    params(default_params())
    with pytest.raises(WeaverError, match=said):
        make_plan("service_advisor", override)


def test_unknown_template_and_profile_name_what_there_is(params, monkeypatch: pytest.MonkeyPatch) -> None:
    params(default_params())
    with pytest.raises(
        WeaverError, match=r"(?s)did you mean 'service_advisor'.*Choose one of: dealership_operations, parts_inventory"
    ):
        make_plan("service_adviser")
    monkeypatch.setenv("WEAVER_PROFILE", "gpus")
    settings.cache_clear()
    with pytest.raises(WeaverError, match="no profile 'gpus'; did you mean 'gpu'"):
        make_plan("service_advisor")


def test_a_template_with_an_unknown_key_is_refused() -> None:
    values = load_template("service_advisor").model_dump() | {"shedule": {}}
    with pytest.raises(WeaverError, match="unknown key 'shedule'; did you mean 'schedule'"):
        validate_section(Template, values, "x.yaml")


def test_a_digest_of_a_section_that_the_plan_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="no section judge_answers"):
        make_plan("service_advisor").digest("template", "judge_answers")


def test_layers_win_in_order_and_the_digest_follows(params) -> None:
    params(default_params())
    plain = make_plan("service_advisor")
    typed = make_plan("service_advisor", {"train.learning_rate": "1e-4"})
    assert typed.train.learning_rate == 1e-4
    assert plain.train.learning_rate > typed.train.learning_rate
    assert plain.digest() != typed.digest()
    assert plain.digest("refine", "data") == typed.digest("refine", "data")


@pytest.mark.parametrize(
    ("gpu", "flags", "profile"),
    [
        (False, "flags : fpu avx2", "cpu"),
        (False, "flags : fpu avx512_bf16 avx2", "cpu_bf16"),
        (False, "Features : asimd i8mm bf16", "cpu_bf16"),
        (True, "flags : fpu avx512_bf16", "gpu"),
    ],
)
def test_the_profile_is_the_machines(
    gpu: bool, flags: str, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name : a processor without bf16-like words\n{flags}\n")
    monkeypatch.delenv("WEAVER_PROFILE", raising=False)
    monkeypatch.setattr("pipelines.core.params.has_gpu", lambda: gpu)
    monkeypatch.setattr("pipelines.core.params.CPUINFO", tmp_path / "cpuinfo")
    cpu_has_bfloat16.cache_clear()
    settings.cache_clear()
    plan = make_plan("service_advisor")
    cpu_has_bfloat16.cache_clear()
    assert (plan.profile, plan.train.bf16) == (profile, profile != "cpu")


def test_the_gpu_profile_is_mistral_with_the_published_recipe(params, monkeypatch: pytest.MonkeyPatch) -> None:
    params(default_params())
    monkeypatch.setenv("WEAVER_PROFILE", "gpu")
    settings.cache_clear()
    plan = make_plan("service_advisor")
    train = plan.train
    assert plan.base.model == "mistralai/Mistral-7B-v0.1"
    assert (train.lora_rank, train.lora_alpha, train.lora_dropout) == (64, 16, 0.05)
    assert (train.batch_size, train.gradient_accumulation, train.gradient_checkpointing) == (4, 4, True)
    assert (train.learning_rate, train.scheduler, train.warmup_share) == (2e-4, "cosine", 0.03)
    assert (train.optimizer, plan.base.compute_dtype, train.bf16) == ("paged_adamw_8bit", "bfloat16", True)
    assert plan.base.quantisation == "nf4" and plan.base.double_quantisation


def test_every_template_gives_a_whole_form() -> None:
    for name in find_template_files():
        fields = list_form_fields(name)
        assert {section for _, section, _, _ in fields} == set(TUNABLE) - set(SAFEGUARDS)
        assert all("type" in schema or "enum" in schema for _, _, _, schema in fields)


def test_every_template_meets_the_published_schema() -> None:
    published = json.loads((REPOSITORY / "pipelines/kits/template.schema.json").read_text())
    assert published == template_schema(), "update it: weaver template schema > pipelines/kits/template.schema.json"
    jsonschema.Draft202012Validator.check_schema(published)
    for name, file in find_template_files().items():
        jsonschema.validate(yaml.safe_load(file.read_text()), published)
        assert make_plan(name).template == name


@pytest.mark.parametrize("changes", [{"refine": {"near_duplicate": 2}}, {"gate": {"min_gain": 1}}, {"owner": None}])
def test_the_schema_refuses_what_the_program_refuses(changes: dict) -> None:
    values = yaml.safe_load(find_template_files()["service_advisor"].read_text()) | changes
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, template_schema())


def test_a_template_of_ones_own_starts_from_another(home: Path) -> None:
    file = create_template("night_desk", like="service_advisor")
    assert file.is_relative_to(home)
    assert load_template("night_desk").contract == load_template("service_advisor").contract
    with pytest.raises(WeaverError, match="the template 'night_desk' already exists"):
        create_template("night_desk", like="service_advisor")
    with pytest.raises(WeaverError, match="no template 'service_adviser'; did you mean 'service_advisor'"):
        create_template("day_desk", like="service_adviser")
    with pytest.raises(WeaverError, match="name"):
        create_template("Night Desk", like="service_advisor")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("owner: ", "budget:\n  training_hours: 3\nowner: ", "the key 'budget' is there twice in line"),
        ("violations: 2", "violations: 9", "drift.violations: must be at most drift.windows, which is 3, not 9"),
        ("windows: 3\n  violations: 2", "windows: 1", "drift.violations: must be at most drift.windows, which is 1"),
        (
            "min_topics: 3",
            "min_topics: 30",
            "contract.topics: must have at least contract.min_topics topics, which is 30",
        ),
        (
            "topics: [engine,",
            "topics: [engine, engine,",
            "contract.topics: must have each topic once; 'engine' is there",
        ),
    ],
)
def test_what_could_never_work_is_refused(home: Path, old: str, new: str, said: str) -> None:
    file = create_template("night_desk", like="service_advisor")
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(WeaverError, match=said):
        load_template("night_desk")


def test_a_file_of_another_suffix_is_named(home: Path) -> None:
    file = create_template("night_desk", like="service_advisor")
    file.rename(file.with_suffix(".yml"))
    with pytest.raises(WeaverError, match=r"night_desk\.yml is not read\n.*Rename it to night_desk\.yaml"):
        load_template("night_desk")


def test_two_templates_of_one_name_are_refused(home: Path) -> None:
    (home / "templates").mkdir(parents=True)
    (home / "templates/service_advisor.yaml").write_text(find_template_files()["service_advisor"].read_text())
    ((file, error),) = find_broken_templates().items()
    assert file == home / "templates/service_advisor.yaml"
    assert "both define the template 'service_advisor'" in error.what
    assert make_plan("service_advisor").template == "service_advisor", "the kit's template is not the faulty one"


def test_a_section_of_ones_own_template_is_amended_and_all_else_stays(home: Path) -> None:
    file = create_template("night_desk", like="service_advisor")
    text = file.read_text() + "\ntrain:\n  epochs: 3   # the nights are long\n"
    file.write_text(text)
    assert update_template("night_desk", "train", {"learning_rate": 4e-05, "lora_rank": 8}) == file
    assert file.read_text() == text + "  learning_rate: 4.0e-05\n  lora_rank: 8\n"
    train = make_plan("night_desk").train
    assert (train.epochs, train.learning_rate, train.lora_rank) == (3, 4e-05, 8)
    jsonschema.validate(yaml.safe_load(file.read_text()), template_schema())


@pytest.mark.parametrize(
    ("values", "added", "said"),
    [
        ({"learning_rate": -1}, "", "train.learning_rate: .*greater than 0, not -1"),
        ({"lerning_rate": 1}, "", "did you mean 'train.learning_rate'"),
        (
            {"epochs": 1},
            "owner: somebody-else\n",
            "night_desk.yaml is not valid YAML: the key 'owner' is there twice in line",
        ),
    ],
)
def test_what_would_not_be_valid_is_not_written(home: Path, values: dict, added: str, said: str) -> None:
    file = create_template("night_desk", like="service_advisor")
    text = file.read_text() + added
    file.write_text(text)
    with pytest.raises(WeaverError, match=said):
        update_template("night_desk", "train", values)
    assert file.read_text() == text


def test_a_packaged_template_is_not_amended(home: Path) -> None:
    with pytest.raises(WeaverError, match="weaver template new my_service_advisor --like service_advisor"):
        update_template("service_advisor", "train", {"epochs": 1})
