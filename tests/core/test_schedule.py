"""What a schedule may say, and what is said of what it may not."""

from pathlib import Path

import pytest
import yaml

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Approval, Budget, Drift, Schedule
from pipelines.core.template_check import find_broken_templates
from pipelines.core.template_edit import create_template
from pipelines.core.templates import load_template
from pipelines.core.trigger_form import list_form_fields
from pipelines.core.validation import validate_section


@pytest.mark.parametrize(
    ("timezone", "nearest"),
    [
        ("America/NewYork", "America/New_York"),
        ("america/chicago", "America/Chicago"),
        ("Los Angeles", "America/Los_Angeles"),
        ("Eastern", "US/Eastern"),
        ("PST", "America/Los_Angeles"),
        ("UTC+2", "Etc/GMT-2"),
        ("gmt-05:00", "Etc/GMT+5"),
        ("Europe/Berlinn", "Europe/Berlin"),
        ("America", "America/"),
        ("../../etc/passwd", ""),
        ("", ""),
    ],
)
def test_a_time_zone_that_does_not_exist_is_refused_with_the_nearest(timezone: str, nearest: str) -> None:
    with pytest.raises(WeaverError, match="timezone: must be a time zone") as caught:
        validate_section(Schedule, {"timezone": timezone}, "x.yaml")
    assert f"not '{timezone}'" in caught.value.what
    assert not nearest or f"did you mean '{nearest}" in caught.value.what


@pytest.mark.parametrize(
    ("cron", "nearest"),
    [
        ("0 25 * * *", "0 23 * * *"),
        ("61 2 * * *", "59 2 * * *"),
        ("0 2 * * mondey", "0 2 * * mon"),
        ("0 2 * *", "0 2 * * *"),
        ("0 0 2 * * ?", "0 2 * * ?"),
        ("02:30", "30 2 * * *"),
        ("@nightly", "@monthly"),
        ("@dailly", "@daily"),
        ("@once", ""),
        ("0 2 30 2 *", ""),
        ("every night at two", ""),
        ("H 2 * * *", ""),
        ("", ""),
    ],
)
def test_a_cron_expression_without_a_next_start_is_refused_with_a_right_one(cron: str, nearest: str) -> None:
    with pytest.raises(WeaverError, match="cron: must be a cron expression") as caught:
        validate_section(Schedule, {"cron": cron}, "x.yaml")
    suggestion = caught.value.what.rpartition("did you mean '")[2].removesuffix("'?")
    assert not nearest or suggestion == nearest
    assert validate_section(Schedule, {"cron": suggestion}, "x.yaml").cron == suggestion


@pytest.mark.parametrize("cron", ["0 2 * * *", "*/15 * * * *", "0 2 * * MON-FRI", "0 2 L * *", "@daily", "@quarterly"])
def test_what_airflow_takes_is_taken(cron: str) -> None:
    assert validate_section(Schedule, {"cron": cron, "timezone": "America/Chicago"}, "x.yaml").cron == cron


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (Budget, "deadline_hours", 1e300),
        (Budget, "training_hours", float("inf")),
        (Approval, "hours", 1e9),
        (Approval, "reviewers", [""]),
        (Drift, "hours", float("nan")),
        (Drift, "max_age_days", 1e12),
    ],
)
def test_a_time_that_no_calendar_has_is_refused(section: type, key: str, value: object) -> None:
    with pytest.raises(WeaverError, match=key):
        validate_section(section, {key: value}, "x.yaml")


def spoil(file: Path, key: str, value: object) -> None:
    template = yaml.safe_load(file.read_text())
    section, _, name = key.partition(".")
    template[section] = template.get(section, {}) | {name: value} if name else value
    file.write_text(yaml.safe_dump(template))


@pytest.mark.parametrize(
    ("key", "value"),
    [("schedule.timezone", "America/NewYork"), ("schedule.cron", "0 25 * * *"), ("title", ""), ("owner", "x" * 300)],
)
def test_a_faulty_template_is_refused_wherever_it_is_read_and_the_others_are_not(
    home: Path, key: str, value: str
) -> None:
    file = create_template("night_desk", like="service_advisor")
    spoil(file, key, value)
    for read in (load_template, make_plan, list_form_fields):
        with pytest.raises(WeaverError, match=key):
            read("night_desk")
    assert list(find_broken_templates()) == [file]
    assert make_plan("service_advisor").title


def test_a_name_that_cannot_be_one_is_refused_with_the_nearest(home: Path) -> None:
    with pytest.raises(WeaverError, match=r"name: must be lower-case .*not 'Night Desk'; did you mean 'night_desk'"):
        create_template("Night Desk", like="service_advisor")
    with pytest.raises(WeaverError, match=r"name: .*at most 64 characters"):
        create_template("n" * 65, like="service_advisor")


@pytest.mark.parametrize("value", ["2026-02-30", "[1", "{a: [}", '"\\x00"', "&a [*a]"])
def test_an_override_that_is_no_value_is_named(value: str) -> None:
    with pytest.raises(WeaverError, match=r"train\.epochs"):
        make_plan("service_advisor", {"train.epochs": value})
