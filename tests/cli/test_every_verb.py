"""Every verb of `weaver`, used before `weaver up`, in an empty or a spoilt home: one clear sentence, no traceback."""

import io
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pipelines.cli import main
from pipelines.cli.console import err, out
from pipelines.core.settings import settings
from pipelines.stages.table import STAGES

STARTS_SERVERS = {"up", "down", "serve", "run"}  # tests/stack and tests/e2e use these; `run` is tested below
SLOW = {"vllm"}  # unpacks the base model
ANSWERS = {  # of verbs that need nothing: what they print then
    "status": "stopped",
    "logins": "admin",
    "costs": "Nothing was spent",
    "drift": "is deployed yet",
    "log show": "No request was sent",
    "log export": "0 requests written to",
    "alerts list": "No alert was raised",
    "key list": "last used",
    "ledger show": "no entries yet",
    "knowledge list": "automotive.code_guide",
    "knowledge search": "Nothing is close enough",
}
VALUES = {
    "template": "service_advisor",
    "model": "service_advisor",
    "question": "Hello?",
    "name": "night_desk",
    "source": "nowhere.csv",
    "upload": "u1",
    "old": "1",
    "new": "2",
    "version": "1",
    "folder": "rows",
    "which": "nothing",
    "id_or_name": "nobody",
    "file": "requests.csv",
    "files": "nowhere.pdf",
    "document": "manual.pdf",
    "key": "k",
    "text": "hello",
    "why": "because",
    "by": "somebody",
}


def list_verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """Every verb, with a value for each argument and option that it requires."""
    for name, verb in getattr(command, "commands", {}).items():
        yield from list_verbs(verb, (*path, name))
    if not hasattr(command, "commands"):
        arguments = list(path)
        for parameter in command.params:
            if parameter.required:
                option = [f"--{parameter.name}"] if parameter.param_type_name == "option" else []
                arguments += [*option, VALUES[parameter.name]]
        yield " ".join(path), arguments


VERBS = {verb: arguments for verb, arguments in list_verbs(get_command(main.app)) if verb not in STARTS_SERVERS | SLOW}
Weaver = Callable[..., tuple[int, str]]


@pytest.fixture
def weaver(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Weaver:
    """Run the command line in this process, with a terminal's width; returns its exit code and all that it printed."""
    monkeypatch.chdir(home.parent)
    monkeypatch.setenv("WEAVER_GATEWAY_PORT", "9")
    settings.cache_clear()

    def run(*arguments: str) -> tuple[int, str]:
        for console, stream in ((out, sys.stdout), (err, sys.stderr)):
            monkeypatch.setattr(console, "_file", stream)
        monkeypatch.setattr(sys, "argv", ["weaver", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        code: Any = 0
        try:
            main.main()
        except SystemExit as end:
            code = end.code
        printed, told = capsys.readouterr()
        return int(code or 0), printed + told

    return run


def check(verb: str, code: int, text: str) -> None:
    assert "Traceback" not in text and "unexpectedly" not in text, text
    if code:
        assert "error:" in text or "Aborted" in text or "fail" in text or "✗" in text, text
        assert "→" in text or "Aborted" in text or verb == "doctor", "it names a remedy"
    else:
        assert text.strip() or verb == "alerts raise", "it logs the alert"


@pytest.mark.parametrize("verb", VERBS)
def test_before_up_every_verb_answers_or_says_what_to_do(verb: str, weaver: Weaver) -> None:
    code, text = weaver(*VERBS[verb])
    check(verb, code, text)
    if verb in ANSWERS:
        assert code == 0 and ANSWERS[verb] in text


def spoil(home: Path) -> None:
    """What a full disk or another program may leave behind: no file is what it was."""
    work = home / "work" / "service_advisor"
    files = [home / name for name in ("weaver.db", "secrets/mlflow", "secrets/gateway", "secrets/airflow")]
    files += [work / f"{stage}.json" for stage in STAGES]
    files += [work / "refine/latest.json", home / "quarantine/service_advisor.json"]
    files += [home / "uploads/service_advisor/u1/upload.json", home / "progress/service_advisor.json"]
    files += [home / "knowledge/service_advisor/documents/manual.pdf.json"]
    files += [home / "serving/log/exchanges/date=2026-11-26/000000000001-000000000002.parquet"]
    files += [home / "registry/.git/HEAD", home / "templates/night_shift.yaml", home / "stack/settings.json"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\xff\x00{ no longer what it was")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "doctor"])
def test_with_damaged_files_every_verb_answers_or_says_which(verb: str, weaver: Weaver, home: Path) -> None:
    spoil(home)
    check(verb, *weaver(*VERBS[verb]))


@pytest.mark.parametrize("verb", ["costs", "key list", "logins", "dataset add", "ask", "template list"])
def test_a_home_that_is_a_file_is_named(verb: str, weaver: Weaver, home: Path) -> None:
    shutil.rmtree(home)
    home.write_text("")
    code, text = weaver(*VERBS[verb])
    check(verb, code, text)
    assert code == 0 or str(home) in text


def test_a_mistake_in_run_is_an_error_before_anything_is_started(weaver: Weaver, home: Path) -> None:
    code, text = weaver("run", "service_adviser")
    assert code == 1 and "did you mean 'service_advisor'" in text
    code, text = weaver("run", "service_advisor", "--set", "train.epochs=[1")
    assert code == 1 and "train.epochs" in text
    assert not (home / "stack").exists()


def test_an_empty_question_is_not_asked(weaver: Weaver) -> None:
    code, text = weaver("ask", "service_advisor", " ")
    assert code == 2 and "the question is empty" in text


def test_an_error_that_nobody_foresaw_names_the_file_with_its_traceback(
    weaver: Weaver, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise KeyError("[/unforeseen]")

    monkeypatch.setattr("pipelines.stack.control.status", fail)
    code, text = weaver("status")
    assert code == 1 and "Traceback" not in text and "KeyError: '[/unforeseen]'" in text
    assert "raise KeyError" in (home / "logs" / "weaver-error.log").read_text()
