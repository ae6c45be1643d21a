"""One word for each thing, and it is the field's: nothing that a person reads, and no name, uses a private word."""

from pathlib import Path

import pytest

from .vocabulary import CODE, NAMES, ROOT, Text, messages_with_repr, names_of, out_words, papers, source_files, texts_of

PACKAGES = sorted({str(file.parent.relative_to(ROOT)) for file in source_files()})


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / package).glob("*.py"))


def show(findings: list[str]) -> str:
    return "\n" + "\n".join(findings)


@pytest.mark.parametrize("package", PACKAGES)
def test_texts_use_the_words_of_the_field(package: str) -> None:
    findings = [
        f"{text.place}: {word}"
        for file in files_of(package)
        for text in texts_of(file)
        for word in out_words(text.text)
    ]
    assert not findings, show(findings)


@pytest.mark.parametrize("package", PACKAGES)
def test_names_say_what_they_hold_or_do(package: str) -> None:
    findings = [
        f"{name.place}: {name.text}" for file in files_of(package) for name in names_of(file) if name.text in NAMES
    ]
    assert not findings, show(findings)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_message_shows_a_value_as_python_spells_it(package: str) -> None:
    findings = [
        f"{message.place}: {message.text}" for file in files_of(package) for message in messages_with_repr(file)
    ]
    assert not findings, show(findings)


def test_documents_use_the_words_of_the_field() -> None:
    findings = [f"{line.place}: {word}" for line in papers() for word in out_words(line.text)]
    assert not findings, show(findings)


def test_modules_of_one_name_mean_one_thing() -> None:
    """Two files of one name are allowed by convention: the plan has a section for the artifacts of a package."""
    parallel = {file.stem for file in (ROOT / "pipelines" / "core" / "artifacts").glob("*.py")}
    conventions = {"__init__", "__main__", "env", *parallel}
    seen: dict[str, list[str]] = {}
    for file in source_files():
        if file.parts[len(ROOT.parts)] == "pipelines" and "cli" not in file.parts and "migrations" not in file.parts:
            seen.setdefault(file.stem, []).append(str(file.relative_to(ROOT)))
    twice = {name: files for name, files in seen.items() if len(files) > 1 and name not in conventions}
    assert not twice, show([f"{name}: {', '.join(files)}" for name, files in twice.items()])


def test_no_file_is_longer_than_300_lines() -> None:
    long = {
        str(file.relative_to(ROOT)): count
        for file in source_files()
        if (count := len(file.read_text().splitlines())) > 300
    }
    assert not long


@pytest.mark.parametrize("text", ["held to its limits", "0.4 nats a token", "mend it", "a noun", "20 rows a second"])
def test_the_test_finds_what_it_is_for(text: str) -> None:
    assert out_words(text)


@pytest.mark.parametrize(
    "text", ["recommend a version", "a refusal rate", "no room left on disk", "seconds are a unit"]
)
def test_the_test_lets_ordinary_english_pass(text: str) -> None:
    assert not out_words(text)


def test_it_reads_every_folder_of_code() -> None:
    assert {file.parts[len(ROOT.parts)] for file in source_files()} == {folder.split("/")[0] for folder in CODE}
    assert isinstance(next(iter(papers())), Text)
