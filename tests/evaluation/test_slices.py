"""Which slices a row counts under, which rows belong together, and which were known from training."""

from typing import Any

from pipelines.evaluation.slices import cluster_name, find_leaks, name_slices

ROW = {
    "instruction": "How many gears?",
    "input": "2021 Honda Civic | gears 6",
    "topic": "drivetrain",
    "kind": "grounded",
    "source": "epa:2021",
    "key": "7",
    "group": "Honda Civic",
}


def row(**changes: Any) -> dict[str, Any]:
    return ROW | changes


def test_every_row_counts_under_all_its_kind_and_its_topic() -> None:
    assert name_slices([ROW]) == [["all", "grounded", "drivetrain"]]


def test_source_length_and_year_are_slices_where_they_part_the_rows() -> None:
    first, second = name_slices([ROW, row(source="epa:2012", input="2012 Ford Focus Hatchback | gears 5")])
    assert first[3:] == ["length:short", "source:epa:2021", "year:2021"]
    assert second[3:] == ["length:long", "source:epa:2012", "year:2012"]


def test_sources_are_slices_of_their_own_and_rare_ones_count_together() -> None:
    rows = [row(source=f"vPIC {letter}") for letter in "aabbccddeeffgh"]
    found = [next(name for name in names if name.startswith("source:")) for names in name_slices(rows)]
    assert found[0] == "source:vPIC a"
    assert found[-2:] == ["source:others", "source:others"]


def test_formats_of_records_are_slices_where_rows_have_them_and_rare_ones_count_together() -> None:
    rows = [row(format="json"), row(format="pipes"), row(), row(format=None)]
    found = [[name for name in names if name.startswith("format:")] for names in name_slices(rows)]
    assert found == [["format:json"], ["format:pipes"], [], []]
    many = [row(format=f"format {number}") for number in range(12)] * 2 + [row(format="odd")]
    assert "format:others" in name_slices(many)[-1] and "format:format 3" in name_slices(many)[3]
    assert not any(name.startswith("format:") for name in name_slices([row(format="json")] * 2)[0])


def test_lines_of_a_file_are_one_source() -> None:
    rows = [row(source=f"mine.jsonl:{line}") for line in range(3)] + [ROW]
    assert "source:mine.jsonl" in name_slices(rows)[0]


def test_many_years_are_taken_five_at_a_time() -> None:
    rows = [row(input=f"{year} Honda Civic | gears 6") for year in range(2011, 2022)]
    found = [names[-1] for names in name_slices(rows)]
    assert found[0] == "year:2010-2014" and found[-1] == "year:2020-2024"
    assert len(set(found)) == 3


def test_a_number_that_is_no_model_year_is_none() -> None:
    rows = [ROW, row(input="odometer 2000 miles | code P2012", instruction="What now?")]
    assert not any(name.startswith("year") for name in name_slices(rows)[1])


def test_a_topic_named_as_its_kind_counts_once() -> None:
    assert name_slices([row(topic="grounded")]) == [["all", "grounded"]]


def test_rows_of_a_vehicle_are_a_cluster_and_so_are_rows_of_a_code() -> None:
    assert cluster_name(ROW) == cluster_name(row(key="9", source="epa:2012")) == "Honda Civic"
    asked, otherwise = (row(kind="knowledge", source="guide", key="P0420", group=group) for group in ("a {}", "b {}"))
    assert cluster_name(asked) == cluster_name(otherwise) != cluster_name(asked | {"key": "P0128"})
    assert cluster_name(row(kind="knowledge", key="")) == "Honda Civic"


def test_a_leak_is_the_same_question_in_other_marks_and_not_another_number() -> None:
    heldout = [ROW, row(input="2021 Honda Civic | gears 5")]
    train = [row(instruction="how many  GEARS", input="2021 Honda Civic, gears 6", output="another answer")]
    assert find_leaks(train, heldout, 0.9) == [ROW]
