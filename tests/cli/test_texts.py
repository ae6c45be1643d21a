"""Every text is shown as it was written: field case F04, and whatever else a text may do to a terminal."""

import ast
import json
import time
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table

from pipelines.cli import alerts, dataset, feedback, key, log, template
from pipelines.cli.console import out
from pipelines.core.settings import REPOSITORY, settings
from pipelines.text.terminal import PlainConsole, make_visible, styled

CASE = "See [/docs]: what does P0300 mean?"
TEXTS = [
    CASE,
    "[bold]loud[/bold] [red]",
    "[/]",
    "[link=file:///etc/passwd]click[/link]",
    ":car: :smile:",
    r"\[escaped]",
    "[[nested]]",
    "\x1b[2J\x1b]0;title\x07",
    "half \ud83d",
    "a\x9b31mb",
    "\u202egnp.exe and \u2066isolated\u2069",
]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What `out` has written; its width is that of no table's cell."""
    file = (tmp_path / "printed").open("w+", encoding="utf-8")
    monkeypatch.setattr(out, "_file", file)
    monkeypatch.setattr(out, "_width", 2_000)

    def read() -> str:
        file.seek(0)
        return file.read()

    return read


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_is_printed_as_it_is_in_every_place_of_a_page(text: str, printed: Any) -> None:
    table = Table(text, title=text, caption=text, box=None)
    table.add_row(text)
    out.print(text, text)
    out.print(text, style="bold", soft_wrap=True)
    out.print(styled(text, " ", (text, "bold")), table)
    assert printed().count(make_visible(text)) >= 8
    assert "\x1b" not in printed() and "\x9b" not in printed()


def test_make_visible_keeps_what_a_terminal_shows() -> None:
    assert make_visible("Zoë\t[x]\n🚗") == "Zoë\t[x]\n🚗"
    assert make_visible("\x1b[31m\ud83d\x00") == r"\x1b[31m\ud83d\x00"


def test_verbs_print_to_nothing_but_the_plain_console() -> None:
    """No verb makes a console of its own, reads markup, or turns it on again."""
    for file in [*(REPOSITORY / "pipelines/cli").glob("*.py"), *(REPOSITORY / "pipelines/stack").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", "")))
            assert name not in ("Console", "from_markup", "render_markup"), f"{file}: {name}"
            assert not (isinstance(node, ast.keyword) and node.arg in ("markup", "emoji")), file
    assert isinstance(out, PlainConsole)


def write_exchange(question: str, answer: str) -> None:
    from pipelines.request_log import Exchange, RequestLog
    from pipelines.request_log.schema import log_folder

    fields = {"template": "service_advisor", "version": 3, "backend": "llama_cpp", "route": "", "key": "local"}
    request_log = RequestLog(log_folder())
    request_log.write(
        Exchange(
            id=f"chatcmpl-{time.time_ns()}",
            at=time.time(),
            user="",
            messages=json.dumps([{"role": "user", "content": question}]),
            answer=answer,
            status="ok",
            cached="",
            prompt_tokens=1,
            completion_tokens=1,
            queue_s=0.0,
            first_token_s=0.0,
            latency_s=0.0,
            cost=0.0,
            shadow_of="",
            **fields,
        )
    )
    request_log.close()


def test_the_request_log_shows_brackets(home: Path, printed: Any) -> None:
    for text in (CASE, "[/]", "[red]x"):
        write_exchange(text, f"{text} is an answer")
    log.show("service_advisor")
    for text in (CASE, "[/]", "[red]x"):
        assert printed().count(text) == 2, text


def test_ratings_show_brackets(printed: Any) -> None:
    row = {"at": 0, "rater": "[a]", "score": None, "verdict": "[/up]"}
    row |= {"question": CASE, "correction": "[/b]", "reason": "[/]"}
    rater = {"rater": "[/r]", "ratings": 1, "up": 1, "down": 0, "corrections": 0, "disagrees": 0, "compared": 0}
    summary = {
        "raters": [rater | {"refused": 1, "reasons": {"[/why]": 1}}],
        "newest": [row],
        "agreement": {"answers": 0, "share": 0},
        "refused": {"[/why]": 1},
        "ratings": 1,
        "refused_file": "/tmp/[x]",
        "rows": 0,
        "preferences": 0,
    }
    feedback.print_summary(summary)
    for text in (CASE, "[/up]", "[/b]", "[/r]", "1 [/why]", "/tmp/[x]"):
        assert text in printed(), text


def test_uploads_and_keys_and_templates_show_brackets(home: Path, printed: Any, tmp_path: Path) -> None:
    file = tmp_path / "rows [red].jsonl"
    file.write_text(
        "\n".join(
            json.dumps(
                {"instruction": f"What does [/P0{n}] mean?", "output": f"It means [bold]{n}.", "topic": "engine"}
            )
            for n in range(300, 303)
        )
    )
    dataset.add("service_advisor", str(file), topic=["code_meaning"], yes=True)
    dataset.list_("service_advisor")
    key.add("desk [/7]", "", "60/minute")
    key.list_()
    own = settings().templates / "night_desk.yaml"
    own.parent.mkdir(parents=True)
    text = (REPOSITORY / "pipelines/kits/automotive/templates/service_advisor.yaml").read_text()
    own.write_text(text.replace("name: service_advisor", "name: night_desk").replace("title: ", "title: '[/t]' # "))
    template.validate("night_desk")
    for shown in ("rows [red].jsonl", "[/P0300]", "[bold]300", "desk [/7]", "night_desk: [/t]"):
        assert shown in printed(), shown


def test_alerts_show_brackets(home: Path, printed: Any) -> None:
    alerts.raise_("the answer [/docs] is late", "warning", "[/key]", "https://host/[x]")
    alerts.list_()
    alerts.show("[/key]")
    assert printed().count("the answer [/docs] is late") == 2 and "[/key]" in printed()
