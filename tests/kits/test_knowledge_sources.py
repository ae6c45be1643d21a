"""What the kit brings to a knowledge base: every code and vehicle, with the words of its source."""

import tomllib
from collections import Counter
from importlib import import_module, resources

import pytest

from pipelines.core.kits import find_knowledge_sources
from pipelines.core.templates import find_template_files, load_template
from pipelines.text.passages import Passage


def load(source: str) -> dict[str, Passage]:
    passages = list(import_module(find_knowledge_sources()[source]).passages())
    assert max(Counter(passage.id for passage in passages).values()) == 1
    return {passage.id: passage for passage in passages}


@pytest.fixture(scope="module")
def codes() -> dict[str, Passage]:
    return load("automotive.code_guide")


def test_all_guided_codes_say_what_the_guide_says(codes: dict[str, Passage]) -> None:
    from elm327obd.dtc import expand_codes

    guided = 0
    text = (resources.files("elm327obd") / "dtc_guide.toml").read_text(encoding="utf-8")
    for entry in tomllib.loads(text)["entry"]:
        for code in (code for span in entry["codes"] for code in expand_codes(span)):
            passage = codes[f"code_guide:{code}"]
            assert passage.keys == (f"code:{code}",)
            for fact in (entry["summary"], f"Severity: {entry['severity']}.", entry["causes"][0], entry["checks"][0]):
                assert fact in passage.text
            guided += 1
    assert guided == 198


def test_the_other_codes_have_their_name(codes: dict[str, Passage]) -> None:
    assert len(codes) == 2066
    name = "Cylinder 12 Exhaust Valve Control Circuit High"
    assert codes["code_guide:P3496"].text == f"P3496 | Meaning: {name}"


def test_what_must_not_be_driven_is_safety_critical(codes: dict[str, Passage]) -> None:
    for code in ("P0524", "P0217"):
        assert codes[f"code_guide:{code}"].safety_critical
        assert "Stop driving" in codes[f"code_guide:{code}"].text
    assert not codes["code_guide:P0455"].safety_critical


def test_vehicles_are_found_by_year_make_and_model() -> None:
    vehicles = load("automotive.fuel_economy")
    titan = next(passage for passage in vehicles.values() if passage.text.startswith("2012 Nissan Titan |"))
    assert titan.keys == ("vehicle:2012:nissan:titan",)
    assert "cylinders 8" in titan.text
    assert titan.title == "2012 Nissan Titan: engine, fuel economy, drive, transmission", (
        "it is found by these words too"
    )
    giulia = next(passage for passage in vehicles.values() if passage.title.startswith("2021 Alfa Romeo Giulia"))
    assert giulia.keys == ("vehicle:2021:alfaromeo:giulia",)


def test_builds_are_found_by_the_pattern_of_a_vin() -> None:
    builds = load("automotive.vehicle_build")
    model3 = next(passage for passage in builds.values() if "Tesla Model 3:" in passage.title)
    assert model3.keys[0].endswith(":tesla:model3")
    assert any(key.startswith("vin:5YJ3") for key in model3.keys)


def test_made_up_stock_says_so_and_does_not_contradict_itself() -> None:
    lines = load("automotive.stock_lines")
    assert all(passage.source.startswith("synthetic:") for passage in lines.values())
    assert len({passage.text.partition(" | ")[0] for passage in lines.values()}) == len(lines)


def test_every_source_of_a_template_exists() -> None:
    known = find_knowledge_sources()
    for name in find_template_files():
        assert set(load_template(name).knowledge.sources) <= set(known)
    assert load_template("service_advisor").knowledge.sources
