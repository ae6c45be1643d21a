"""A template that cannot be used takes its own DAGs away, says so in Airflow, and leaves those of the others."""

from collections.abc import Callable

import pytest

from pipelines.core.templates import find_template_files

from .conftest import load_dags

FAULTS: dict[
    str, Callable[[str], str]
] = {  # field case F02, and others of its kind: the template's text → with a fault
    "timezone": lambda text: text.replace("timezone: ", "timezone: America/NewYork #"),
    "cron": lambda text: text.replace("cron: ", 'cron: "0 25 * * *" #'),
    "never": lambda text: text.replace("cron: ", 'cron: "0 2 30 2 *" #'),
    "other_name": lambda text: text.replace("name: other_name", "name: another"),
    "deadline": lambda text: f"{text}\nbudget: {{deadline_hours: 1.0e+300}}\n",
    "infinite": lambda text: f"{text}\napproval: {{hours: .inf}}\n",
    "no_title": lambda text: text.replace("title: ", "titel: "),
    "date": lambda text: text.replace("title: ", "title: 2026-02-30 #"),
    "half_emoji": lambda text: text.replace("title: ", 'title: "\\ud83d" #'),
    "tab": lambda text: text + "\n\tdata: {}\n",
    "empty": lambda text: "",
    "list": lambda text: "- one\n- two\n",
    "override": lambda text: f"{text}\ntrain: {{lerning_rate: 0.001}}\n",
    "source": lambda text: text.replace("source: ", "sauce: "),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a DAG processor sees of a home in which every template but one is faulty."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "templates"
    folder.mkdir()
    text = find_template_files()["service_advisor"].read_text()
    for name, spoil in FAULTS.items():
        spoilt = spoil(text.replace("name: service_advisor", f"name: {name}", 1))
        assert spoilt != text, name
        (folder / f"{name}.yaml").write_text(spoilt)
    (folder / "night_desk.yaml").write_text(text.replace("name: service_advisor", "name: night_desk", 1))
    (folder / "bytes.yaml").write_bytes(b"\xff\xfe\x00name: bytes")
    (folder / "folder.yaml").mkdir()
    (folder / "link.yaml").symlink_to(home / "nowhere.yaml")
    (folder / "service_advisor.yaml").write_text(text)  # a name that a kit's template has already
    (folder / f"{'long_' * 40}name.yaml").write_text(text.replace("service_advisor", f"{'long_' * 40}name", 1))
    return load_dags(tmp_path_factory.mktemp("airflow"), WEAVER_HOME=str(home))


def test_the_dags_of_all_other_templates_are_there(broken: dict) -> None:
    names = {*find_template_files(), "night_desk"}
    families = {f"{family}_{name}" for family in ("retrain", "monitor") for name in names}
    shared = {"deploy", "rollback", "tune", "alerts", "digest"}
    assert families | shared <= set(broken["dags"])
    retrained = {dag.removeprefix("retrain_") for dag in broken["dags"] if dag.startswith("retrain_")}
    assert retrained == names, "nothing is retrained of a template that cannot be used"


def test_the_import_error_names_each_broken_template(broken: dict) -> None:
    (file,) = broken["errors"]
    assert file == "broken_templates.py", "an error in another file would take its DAGs away"
    error = broken["errors"][file]
    for name in (*FAULTS, "bytes", "folder", "link", "service_advisor", "long_name"):
        assert f"{name}.yaml" in error, name
    assert "night_desk" not in error
    assert "must be a time zone of the IANA database, not 'America/NewYork'; did you mean 'America/New_York'?" in error


def test_no_dag_is_half_built(broken: dict) -> None:
    whole = broken["dags"]["retrain_service_advisor"]
    for name, dag in broken["dags"].items():
        if name.startswith("retrain_"):
            assert len(dag["tasks"]) == len(whole["tasks"]) and dag["params"], name
