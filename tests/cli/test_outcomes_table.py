"""`weaver evaluate` ends with a table that a person can read without a glossary."""

import pytest

from pipelines.cli.console import PlainConsole
from pipelines.cli.stage_verbs import outcomes_table

from ..models import evaluated


def test_the_outcomes_are_shown_by_category_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    shares = {"right": 0.9, "declined": 0.05, "declined_wrongly": 0.03, "wrong_confident": 0.02}
    evaluation = evaluated()
    slices = {
        name: {"judged": 200.0} | shares for name in ("all", "knowledge", "fuel_economy", "format:json", "year:2012")
    }
    evaluation.metrics["challenger"].clear()
    evaluation.metrics["challenger"].update(
        slices | {"[b]advice[/b]": {"judged": 10.0} | shares, "empty": {"judged": 0.0}}
    )
    PlainConsole(width=140).print(outcomes_table(evaluation))
    title, head, *lines = capsys.readouterr().out.strip().splitlines()
    assert title.strip() == "What became of the questions (the challenger's answers)"
    assert " ".join(head.split()) == "questions number right declined rightly declined wrongly wrong and confident"
    assert [line.split("200")[0].split("10 ")[0].strip() for line in lines] == [
        "all questions",
        "with passages that were looked up",
        "fuel economy",
        "format of the record: json",
        "[b]advice[/b]",
    ]
    assert lines[0].split()[2:] == ["200", "90.0%", "5.0%", "3.0%", "2.0%"]
