"""Answers about made-up records, worked out again from the text of the record and the question alone."""

import importlib
import re
from collections import defaultdict
from datetime import date, datetime

import pytest

from pipelines.kits.automotive import dealership_operations, parts_inventory, sales_conversations
from pipelines.kits.automotive.records import guardrails


def rows_of(name):
    """The rows of a builder, all in plain words and layouts; test_guardrails.py tests those in rough words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guardrails, "ROUGH", 0)
        for builder in (dealership_operations, parts_inventory):
            patch.setattr(builder, "add_variants", lambda rows, variety: rows)
        patch.setattr(sales_conversations, "MISSING", 0)
        patch.setattr(sales_conversations, "VEHICLE_QUESTIONS", {})
        return importlib.import_module(f"pipelines.kits.automotive.{name}").build()


@pytest.fixture(scope="module")
def operations():
    by_topic = defaultdict(list)
    for row in rows_of("dealership_operations"):
        by_topic[row["topic"]].append((row["instruction"], row["input"].split(" | "), row["output"]))
    return by_topic


@pytest.fixture(scope="module")
def parts():
    by_topic = defaultdict(list)
    for row in rows_of("parts_inventory"):
        by_topic[row["topic"]].append(row)
    return by_topic


@pytest.fixture(scope="module")
def turns():
    return rows_of("sales_conversations")


def number(text, pattern):
    return int(re.search(pattern, text)[1])


def test_repair_orders(operations):
    sums = 0
    for _, record, answer in operations["repair_order"]:
        parts, labor = (number(" | ".join(record), rf"{item} \$(\d+)") for item in ("parts", "labor"))
        if answer.startswith("The total"):
            sums += 1
            assert answer == f"The total is ${parts + labor}."
        else:
            assert answer == f"The larger item is {'parts' if parts > labor else 'labor'}: ${max(parts, labor)}."
    assert 0 < sums < len(operations["repair_order"])


def test_appointments(operations):
    for question, record, answer in operations["appointments"]:
        hours = {number(line, r"^(\d+):00"): line for line in record}
        said = number(answer, r"(\d+):00\.$")
        vehicle = re.search(r"^The (.*?)(?: comes| is due)", answer)[1]
        assert f"{said}:00 {vehicle} " in hours[said]
        if "first" in answer:
            assert said == min(hours)
            assert vehicle not in question
        else:
            assert vehicle.casefold() in question.casefold()


def test_service_bays(operations):
    for _, record, answer in operations["service_bays"]:
        free = [line.removesuffix(" free") for line in record if line.endswith(" free")]
        assert len(record) == 4
        if answer.startswith("Busy"):
            assert answer == f"Busy: {4 - len(free)} of 4 bays."
        else:
            assert [answer] == [f"{bay.capitalize()} is free." for bay in free]


def test_deliveries(operations):
    for _, record, answer in operations["delivery"]:
        assert [answer] == [f"Still open: {line.removesuffix(' open')}." for line in record if line.endswith(" open")]
        assert len([line for line in record if line.endswith(" done")]) == 3


def test_inventory_ageing(operations):
    for _, record, answer in operations["inventory_ageing"]:
        if record[-1].startswith("today"):
            arrived, today = (
                datetime.strptime(f"{line.partition(' ')[2]} {date.min.year:04}", "%B %d %Y") for line in record[1:]
            )
            assert answer == f"It has been in stock for {(today - arrived).days} days."
            assert arrived < today
        else:
            days = {number(line, r"(\d+) days$"): re.sub(r" \d+ days$", "", line) for line in record}
            assert answer == f"The {days[max(days)]}, with {max(days)} days."


def test_warranties(operations):
    verdicts = []
    for _, record, answer in operations["warranty"]:
        text = " | ".join(record)
        covers, limit = number(text, r"covers (\d+) months"), number(text, r"or (\d+) miles")
        age, driven = number(text, r"age (\d+) months"), number(text, r"odometer (\d+) miles")
        verdicts.append(age <= covers and driven <= limit)
        if verdicts[-1]:
            assert answer == f"Yes, {age} months and {driven} miles are within the limits."
        else:
            assert answer in (f"No, {age} months is over {covers}.", f"No, {driven} miles is over {limit}.")
            assert number(answer, r"No, (\d+)") > number(answer, r"over (\d+)")
    assert 0.35 <= sum(verdicts) / len(verdicts) <= 0.65


def test_spark_plugs_are_the_cylinders_of_the_epa_guide(parts, guides):
    for row in parts["spark_plugs"]:
        record = guides[row["key"]]
        assert row["output"] == f"It takes {int(record['no_cylinders'])} spark plugs."
        assert f"cylinders {int(record['no_cylinders'])}" in row["input"].split(" | ")
        assert "Gasoline" in record["fuel_usage_desc"], "a diesel has none"
        assert record["division"] not in ("Chrysler", "Dodge", "Jeep", "Ram"), "Hemis have two a cylinder"


def test_stock_lines(parts):
    verdicts = []
    for row in parts["location"]:
        assert re.search(r"is in bin (\w\d\d)\.$", row["output"])[1] == re.search(r"bin (\w\d\d)", row["input"])[1]
    for row in parts["reorder"]:
        stock, point = (number(row["input"], rf"{what} (\d+)") for what in ("on hand", "reorder point"))
        verdicts.append(stock <= point)
        expected = (
            f"Yes, {stock} on hand is not above {point}." if verdicts[-1] else f"No, {stock} on hand is above {point}."
        )
        assert row["output"] == expected
    for row in parts["order_quantity"]:
        stock, target = (number(row["input"], rf"{what} (\d+)") for what in ("on hand", "target"))
        assert row["output"] == f"Order {target - stock}."
    for row in parts["availability"]:
        needed, stock, wait = (number(row["input"], rf"{what} (\d+)") for what in ("needed", "on hand", "lead time"))
        when = "Today" if stock >= needed else f"In {wait} days"
        assert row["output"] == f"{when}: {stock} on hand, {needed} needed."
        verdicts.append(stock >= needed)
    assert 0.35 <= sum(verdicts) / len(verdicts) <= 0.65


def test_conversations_alternate_and_go_on(turns):
    lengths = []
    turns = [row for row in turns if row["kind"] != "refusal"]
    for before, row in zip([None, *turns], turns, strict=False):
        record, *said = row["input"].splitlines()
        assert [line.split(": ")[0] for line in said] == (["Customer", "Advisor"] * len(said))[: len(said)]
        if len(said) > 1:
            assert row["input"].startswith(f"{before['input']}\nAdvisor: {before['output']}\nCustomer: ")
            assert row["group"] == before["group"]
        else:
            lengths.append(0)
        lengths[-1] += 1
        last = said[-1]
        if row["topic"] == "test_drive":
            day, hour = row["facts"]["day"], row["facts"]["hour"]
            assert row["output"] == f"Your test drive is booked for {day} at {hour}."
            assert day in last
            assert hour in last
        else:
            (fact,) = row["facts"].values()
            assert re.search(rf"(?<![\w.]){re.escape(fact)}(?![\w.])", record), "what is answered stands in the record"
    assert set(lengths) == {2, 3, 4}


def test_conversations_hold_the_facts_of_the_public_records(turns, guides):
    columns = ("city_mpg", "hwy_mpg", "comb_mpg", "no_cylinders", "no_gears")
    checked = 0
    for row in turns:
        source = row["source"].removeprefix("synthetic:conversation over ")
        for column in set(columns) & set(row["facts"]):
            assert int(row["facts"][column]) == guides[f"{source}/{row['key']}"][column]
            checked += 1
    assert checked >= 100
