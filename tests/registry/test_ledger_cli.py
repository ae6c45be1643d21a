"""`weaver rollback`, `weaver ledger` and `weaver registry`, as people and scripts type them."""

import json
import sys
import time
from typing import Any

import pytest

from pipelines.cli.console import err, out
from pipelines.cli.main import main
from pipelines.serving.deployment_pointer import read_deployment, write_deployment

from .. import database
from ..models import Home
from .test_promote import agree


class Weaver:
    """The command line in this process: what it prints, and how it ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys
        for console in (out, err):
            monkeypatch.setattr(console, "_width", 200)
            monkeypatch.setattr(console, "_file", None)

    def __call__(self, *verb: str, ok: bool = True) -> str:
        self.monkeypatch.setattr(sys, "argv", ["weaver", *verb])
        with pytest.raises(SystemExit) as ended:
            main()
            sys.exit(0)
        printed, told = self.capsys.readouterr()
        assert (ended.value.code in (0, None)) == ok, told
        return printed if ok or "--json" in verb else " ".join(told.split())

    def json(self, *verb: str, ok: bool = True) -> Any:
        return json.loads(self(*verb, "--json", ok=ok))


@pytest.fixture
def weaver(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Weaver:
    return Weaver(monkeypatch, capsys)


def test_a_rollback_says_what_answers_and_how_long_it_took(models: Home, weaver: Weaver) -> None:
    models.promoted(1, 2, 3)
    said = weaver("rollback", models.name, "--why", "prices were wrong", "--by", "ada")
    assert f"Version 2 of {models.name} answers again, instead of 3" in said
    agree(models, 2)
    artifact = weaver.json("rollback", models.name, "--why", "no, it was the discounts", "--to", "3")
    assert (artifact["promote"]["to_version"], artifact["deploy"]["version"], artifact["append_ledger"]["event"]) == (
        3,
        3,
        "deployed",
    )
    agree(models, 3)
    assert "champion and deployed already" in weaver("rollback", models.name, "--to", "3", "--why", "again", ok=False)


def test_the_ledger_is_shown_whole_or_as_of_a_day(models: Home, weaver: Weaver) -> None:
    assert "The ledger has no entries yet" in weaver("ledger", "show")
    models.promoted(1, 2)
    shown = weaver("ledger", "show", models.name)
    assert "1 → 2" in shown and "none → 1" in shown and "better" in shown
    assert models.name in weaver("ledger", "show") and models.name not in shown
    today = weaver.json("ledger", "show", models.name, "--at", time.strftime("%Y-%m-%d"))
    assert [(entry["event"], entry["version"]) for entry in today] == [("deployed", 1), ("deployed", 2)]
    now = weaver.json("ledger", "show", models.name, "--at", "2099-01-01T12:00+01:00")
    assert [entry["version"] for entry in now] == [2]
    assert "No version of" in weaver("ledger", "show", models.name, "--at", "2026-03-03")
    for wrong in ("yesterday", "2026-02-30", "2026-03-03T25:00"):
        assert "Write it as 2026-03-03" in weaver("ledger", "show", models.name, "--at", wrong, ok=False)


def test_verifying_ends_well_or_names_what_is_wrong_and_the_remedy(models: Home, weaver: Weaver) -> None:
    models.promoted(1, 2)
    assert "8 entries, all intact" in weaver("ledger", "verify")
    models.client.set_registered_model_alias(models.name, "champion", "1")
    told = weaver.json("ledger", "verify", ok=False)
    (finding,) = told["findings"]
    assert not told["intact"] and "by hand to 1" in finding["what"]
    assert f"weaver rollback {models.name} --to 2" in finding["remedy"]
    assert "by hand" in weaver("rollback", models.name, "--why", "no", ok=False)
    assert f"Version 2 of {models.name} answers again" in weaver(
        "rollback", models.name, "--to", "2", "--why", "put back"
    )
    assert weaver.json("ledger", "verify")["intact"]


def test_what_is_derived_from_the_alias_is_rebuilt_by_one_command(models: Home, weaver: Weaver) -> None:
    models.promoted(1, 2)
    assert weaver.json("registry", "reconcile", models.name) == {"version": 2, "differed": []}
    write_deployment(read_deployment(models.name).model_copy(update={"version": 1}))
    models.client.delete_registered_model_tag(models.name, "ledger_head")
    checked = weaver.json("registry", "reconcile", models.name, "--check", ok=False)
    assert checked["version"] == 1 and len(checked["differed"]) == 2
    assert weaver.json("registry", "reconcile", models.name)["differed"] == checked["differed"]
    agree(models, 2)
    assert len(weaver.json("ledger", "show")) == 8, "nothing new happened"
    with database.open_database(models.folder) as connection:
        connection.execute("DELETE FROM deployments")
    assert weaver.json("registry", "reconcile", models.name)["version"] == 2
    agree(models, 2)


def test_a_version_that_nobody_approved_is_not_deployed_by_reconciling(models: Home, weaver: Weaver) -> None:
    models.promoted(1)
    models.challenger(2, champion=1)
    models.client.set_registered_model_alias(models.name, "champion", "2")
    assert "by hand to 2" in weaver("registry", "reconcile", models.name, ok=False)
    assert read_deployment(models.name).version == 1


def test_the_registry_shows_the_figures_that_the_gate_went_by(models: Home, weaver: Weaver) -> None:
    models.promoted(1)
    assert "score 0.300 → 0.800" in weaver("registry", "show", models.name)
