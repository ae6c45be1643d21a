"""What a question names exactly is found whatever its spelling, and what has no record is not close."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.settings import settings
from pipelines.knowledge.documents import add_documents
from pipelines.knowledge.index import build_index, switch_index, sync_index
from pipelines.knowledge.live import load_index
from pipelines.knowledge.search import KnowledgeIndex, SearchResult
from pipelines.text.passages import TITLE_JOINT, Passage

from ..conftest import make_home
from .conftest import T, write_template
from .files import write_pdf


@pytest.fixture(scope="module")
def advisor(tmp_path_factory: pytest.TempPathFactory, kept_models: dict[str, Path]) -> Iterator[KnowledgeIndex]:
    """Trouble codes and the EPA's vehicles, and a manual."""
    home = tmp_path_factory.mktemp("home")
    make_home(home, kept_models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEAVER_HOME", str(home))
        settings.cache_clear()
        write_template(home, ["automotive.code_guide", "automotive.fuel_economy"])
        add_documents(T, [str(write_pdf(home / "manual.pdf"))])
        sync_index(T)
        yield load_index(T)
    settings.cache_clear()


def first(result: SearchResult) -> str:
    assert result.close, result
    return result.hits[0].passage.text


@pytest.mark.parametrize(
    "question",
    ["What does P0420 mean?", "p 0420", "code po420", "P-0420 cause", "the reader says 0420.", "p0420/urgent?"],
)
def test_a_code_is_found_in_every_spelling(advisor: KnowledgeIndex, question: str) -> None:
    assert first(advisor.search(question)).startswith("P0420: Catalyst System")


def test_two_codes_are_both_found(advisor: KnowledgeIndex) -> None:
    hits = advisor.search("P0171 and p0174 are stored. Which first?").hits
    assert {hit.passage.id for hit in hits[:2]} == {"code_guide:P0171", "code_guide:P0174"}


@pytest.mark.parametrize("question", ["what's P9999", "Is P9999 the same as a bad oxygen sensor?", "p 9999 urgent"])
def test_a_code_that_does_not_exist_is_unknown_and_not_close(advisor: KnowledgeIndex, question: str) -> None:
    result = advisor.search(question)
    assert (result.close, result.unknown) == (False, ("code:P9999",))


@pytest.mark.parametrize(
    ("question", "name", "fact"),
    [
        ("how many cylinders has a 2012 nissan titan", "2012 Nissan Titan", "cylinders 8"),
        ("hwy mpg 2021 chevy equinox", "2021 Chevrolet Equinox", "highway 31 mpg"),
        ("2012 saab 9-3 convertible: turbo?", "2012 Saab 9-3 Convertible", "turbocharged"),
        ("2012 civic with the 6 speed manual, displacement?", "2012 Honda Civic", "transmission manual"),
        ("Porsche 718 Spyder from 2021, how many gears?", "2021 Porsche 718 Spyder", "gears 6"),
        ("drive of a 2012 E 350 4matic mercedes", "2012 Mercedes-Benz E 350 4Matic", "four-wheel"),
        ("city mileage of a 2012 toyota camery", "2012 Toyota Camry", "city"),
    ],
)
def test_a_vehicle_is_found_as_people_name_it(advisor: KnowledgeIndex, question: str, name: str, fact: str) -> None:
    text = first(advisor.search(question))
    assert text.startswith(name)
    assert fact in text


@pytest.mark.parametrize(
    "question",
    [
        "city mpg of a 2015 nissan titan?",
        "engine size of the 2021 Toyota Brontide",
        "1987 honda civic mpg highway",
        "2012 Suzuki SX9 combined mpg",
        "best lasagna recipe for 6 people",
        "who should i vote for",
        "who lives at 12 Elm Street?",
    ],
)
def test_what_has_no_record_is_not_close(advisor: KnowledgeIndex, question: str) -> None:
    assert not advisor.search(question).close


def test_a_part_number_and_a_paragraph_of_a_manual_are_found_with_their_page(advisor: KnowledgeIndex) -> None:
    for question in ("torque for HX-2041-A?", "hx2041-a torque"):
        hit = advisor.search(question).hits[0]
        assert (hit.passage.source, hit.passage.page) == ("manual.pdf", 1)
        assert "HX-2041-A" in hit.passage.text
    result = advisor.search("How often is the timing belt replaced?")
    assert "90,000 miles" in first(result)
    assert result.hits[0].passage.page == 2


def test_what_says_the_same_is_found_without_a_word_in_common(template: str) -> None:
    passages = [
        Passage("a", "Replace the windscreen wipers each autumn.", "", "x"),
        Passage("b", "Rotate the tires every 7,500 miles.", "", "x"),
        Passage("c", "The showroom opens at eight in the morning.", "", "x"),
    ]
    switch_index(template, build_index(template, passages).version)
    assert load_index(template).search("vehicle automobile wheel rubber").hits[0].passage.id == "b"


def test_of_two_versions_of_a_manual_the_newer_comes_first(template: str) -> None:
    def make(document: str, miles: str, since: str) -> Passage:
        title = f"{document}{TITLE_JOINT}Timing belt"
        return Passage(f"{document}#b:1", f"Replace the timing belt every {miles} miles.", title, document, since=since)

    passages = [make("a 2019.pdf", "60,000", "2019-05-01"), make("b 2026.pdf", "90,000", "2026-03-01")]
    for some in (passages, passages[::-1]):
        switch_index(template, build_index(template, some).version)
        hits = load_index(template).search("timing belt 60,000 miles?").hits
        assert [hit.passage.since for hit in hits] == ["2026-03-01", "2019-05-01"]


def test_an_empty_index_finds_nothing(template: str) -> None:
    switch_index(template, build_index(template, []).version)
    assert load_index(template).search("What does P0420 mean?") == SearchResult([], False, (), 1)


def test_a_question_without_a_known_word_finds_nothing_close(advisor: KnowledgeIndex) -> None:
    for question in ("", "?!", "zzzzqq", "the of and"):
        assert not advisor.search(question).close
