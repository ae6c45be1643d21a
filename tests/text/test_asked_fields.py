"""A record is shown with what a question asks for. The questions here are other hands' than the examples'."""

import pytest

from pipelines.kits.field_questions import load_asked_fields
from pipelines.text.asked_fields import AskedFields
from pipelines.text.field_classifier import AskedExample
from pipelines.text.shown_message import show_message, show_row

FOREST = "2012 Subaru Forester | city 21 mpg | cylinders 4 | transmission manual | highway 27 mpg | combined 23 mpg"
P0455 = "P0455: Evaporative Emission System Leak Detected (large leak)"
CODE = (
    f"{P0455} | Meaning: Fuel vapours escape somewhere. | "
    "Severity: low. Low urgency. | Most likely cause: Loose gas cap. | Recommended check: Look at the gas cap seal."
)


@pytest.fixture(scope="module")
def asked() -> AskedFields:
    fitted = load_asked_fields("automotive.service_advisor")
    assert fitted
    return fitted


@pytest.mark.parametrize(
    ("question", "record", "shown"),
    [
        ("miles per gallon downtown?", FOREST, "2012 Subaru Forester | city 21 mpg"),
        ("how many pistons does that thing have", FOREST, "2012 Subaru Forester | cylinders 4"),
        ("must she shift it herself or is it an automatic", FOREST, "2012 Subaru Forester | transmission manual"),
        ("city and highway please", FOREST, "2012 Subaru Forester | city 21 mpg | highway 27 mpg"),
        ("0455, may she drive it to Boston and back", CODE, f"{P0455} | Severity: low. Low urgency."),
        ("what would you look at first with P0455?", CODE, f"{P0455} | Recommended check: Look at the gas cap seal."),
        ("so P0455, hm", CODE, CODE),
    ],
)  # fmt: skip
def test_a_record_is_shown_with_what_is_asked_for(asked: AskedFields, question: str, record: str, shown: str) -> None:
    message = show_message(f"{question}\n{record}", asked)
    assert (message.text, message.missing) == (f"{question}\n{shown}", False)


@pytest.mark.parametrize(
    "question",
    [
        "how much oil goes in",
        "What does it weigh?",
        "tire size pls",
        "is it front or all wheel drive",
        "does it have a turbo",
    ],
)
def test_what_no_record_has_is_missing(asked: AskedFields, question: str) -> None:
    assert show_message(f"{question}\n{FOREST}", asked).missing


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("highway mileage of the Kia, not the Nissan", "2012 Kia Sorento | highway 26 mpg"),
        ("what does the one with 4 cylinders get on the highway", "2012 Kia Sorento | highway 26 mpg"),
        ("Titan highway?", "2012 Nissan Titan | highway 18 mpg"),
        ("highway mpg of the eight cylinder", "2012 Nissan Titan | highway 18 mpg"),
    ],
)
def test_of_two_records_the_one_that_is_named_is_shown(asked: AskedFields, question: str, right: str) -> None:
    records = ["2012 Kia Sorento | cylinders 4 | highway 26 mpg", "2012 Nissan Titan | cylinders 8 | highway 18 mpg"]
    assert asked.show(question, records).records == [right]


def test_what_describes_a_vehicle_is_not_what_is_asked_for(asked: AskedFields) -> None:
    record = "2012 Ford Mustang | displacement 3.7 L | transmission manual | combined 23 mpg"
    question = "my Mustang with the 3.7 liter engine, what does it get combined?"
    assert asked.show(question, [record]).values == ("combined 23 mpg",)


def test_where_nothing_tells_two_records_apart_both_are_quoted(asked: AskedFields) -> None:
    records = ["2012 Kia Rio | gears 5 | city 28 mpg", "2012 Kia Rio | gears 6 | city 30 mpg"]
    message = show_message("\n".join(["gears of the Rio?", *records]), asked)
    assert message.confirm("Its number of gears is 5.") == "2012 Kia Rio. Gears 5. 2012 Kia Rio. Gears 6."


def test_where_nothing_tells_two_records_apart_both_are_shown(asked: AskedFields) -> None:
    records = ["2012 Kia Sorento | highway 26 mpg | gears 6", "2012 Nissan Titan | highway 18 mpg | gears 5"]
    assert asked.show("highway?", records).records == [
        "2012 Kia Sorento | highway 26 mpg",
        "2012 Nissan Titan | highway 18 mpg",
    ]


def test_a_record_of_fields_that_nobody_asked_for_yet_stays_whole(asked: AskedFields) -> None:
    message = "how long is the warranty\n2012 Kia Sorento | paint red | warranty 36 months"
    shown = show_message(message, asked)
    assert (shown.text, shown.missing, shown.values) == (message, False, ())


@pytest.mark.parametrize("message", ["What is the highway mileage?", "", "hello\nthere", "a | b"])
def test_a_message_without_a_record_stays_as_it_is(asked: AskedFields, message: str) -> None:
    shown = show_message(message, asked)
    assert (shown.text, shown.missing, shown.values) == (message, False, ())


def test_a_question_off_the_subject_is_shown_no_record(asked: AskedFields) -> None:
    question = "What is the owner's phone number?"
    shown = show_message(f"{question}\n{FOREST} | owner phone 407-555-0142", asked)
    assert (shown.text, shown.missing, shown.values) == (question, False, ())


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("What number can I call the owner on?", "owner phone 407-555-0142"),
        ("What is the name of the owner?", "owner Dana Whitfield"),
        ("What is the home address of this customer?", "address 18 Larkspur Lane"),
        ("email of the owner", "e-mail dwhitfield@example.com"),
    ],
)
def test_no_model_is_shown_a_field_with_personal_data(asked: AskedFields, question: str, field: str) -> None:
    shown = show_message(f"{question}\n{FOREST} | {field}", asked)
    assert shown.missing or field not in shown.text
    assert "oil 5W-30" in show_message(f"Which oil does it take?\n{FOREST} | oil 5W-30", asked).text


def test_words_by_which_a_vehicle_is_described_are_not_asked_for(asked: AskedFields) -> None:
    records = [
        "2012 Ford Mustang | displacement 3.7 L | combined 23 mpg",
        "2012 Ford Mustang | displacement 5.0 L | combined 20 mpg",
    ]
    message = show_message("\n".join(["average mpg of my Mustang with the 3.7 liter engine?", *records]), asked)
    assert message.values == ("combined 23 mpg",)
    message = show_message("\n".join(["does the Mustang have a 3.7 or a 5.0 liter engine?", records[0]]), asked)
    assert message.values == ("displacement 3.7 L",)


def test_what_is_said_in_passing_does_not_choose_the_record(asked: AskedFields) -> None:
    records = ["2012 Nissan Versa | displacement 1.6 L | gears 5", "2012 Nissan Versa | displacement 1.8 L | gears 6"]
    message = show_message("\n".join(["The 1.8 Versa: how many gears? The other line is the 1.6.", *records]), asked)
    assert "gears 6" in message.values


def test_a_source_without_examples_shows_records_whole() -> None:
    assert load_asked_fields("rows.jsonl") is None
    row = {"instruction": "gears?", "input": "2012 Kia Rio | gears 6 | city 30 mpg"}
    assert show_row(row, None)[0] == row


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ("Its city fuel economy is 21 mpg.", "Its city fuel economy is 21 mpg."),
        ("Its city fuel economy is 27 mpg.", "2012 Subaru Forester. City 21 mpg."),
        ("That is not in the record.", "2012 Subaru Forester. City 21 mpg."),
        ("", "2012 Subaru Forester. City 21 mpg."),
    ],
)
def test_an_answer_without_the_field_asked_for_is_replaced(asked: AskedFields, answer: str, sent: str) -> None:
    assert show_message(f"miles per gallon downtown?\n{FOREST}", asked).confirm(answer) == sent


def test_a_record_of_another_subject_is_missing(asked: AskedFields) -> None:
    record = "2012 Kia Sorento | cylinders 4 | highway 26 mpg"
    assert show_message(f"highway mileage of the Nissan Altima?\n{record}", asked).missing
    assert show_message(f"highway mileage of the Mini Cooper?\n{record}", asked).missing
    assert show_message(f"2021 Kia Sorento highway mileage?\n{record}", asked).missing
    assert not show_message(f"highway mileage of the Sorento?\n{record}", asked).missing


def test_the_same_examples_give_the_same_answers() -> None:
    examples = [AskedExample(q, (f,)) for q, f in (("how far", "range {} miles"), ("how fast", "top speed {} mph"))] * 5
    record = ["Car | range 200 miles | top speed 120 mph"]
    assert [AskedFields([examples]).show("how fast?", record).records for _ in range(2)] == [
        ["Car | top speed 120 mph"]
    ] * 2


def test_two_variants_that_have_the_same_are_one_answer(asked: AskedFields) -> None:
    records = ["2012 Ford Focus | cylinders 4 | gears 5", "2012 Ford Focus | cylinders 4 | gears 6"]
    message = show_message("\n".join(["how many cylinders has the Focus got", *records]), asked)
    assert (message.text.splitlines()[1:], message.values) == (["2012 Ford Focus | cylinders 4"], ("cylinders 4",))
    message = show_message("\n".join(["how many gears has the Focus got", *records]), asked)
    assert (message.values, message.quotation) == ((), "2012 Ford Focus. Gears 5. 2012 Ford Focus. Gears 6.")
