"""What is personal is found in its real-life forms, hard negatives are not, and the policy does what it says."""

import json
import random
import re
import socket
import stat
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Privacy
from pipelines.datasets.refine.personal_data import personal
from pipelines.text import privacy
from pipelines.text.privacy import check_digits, find_personal_data, protect_text
from tests.bench import pii, pii_forms, pii_rows

KEY = b"k" * 32
ALL = Privacy.kinds()
MASK = Privacy(**dict.fromkeys(ALL, "mask"))
PSEUDONYMISE = Privacy(**dict.fromkeys(ALL, "pseudonymise"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks for an address or a connection fails the test."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise AssertionError(f"the network was called: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def found(text: str) -> list[tuple[str, str]]:
    return [(finding.entity, text[finding.start : finding.end]) for finding in find_personal_data(text)]


PERSONAL = [
    ("ssn", "219-09-9998", "his ssn is {} ok"),
    ("ssn", "219 09 9998", "{}"),
    ("ssn", "219099998", "Social Security #: {}"),
    ("ssn", "912-70-1234", "ITIN {}"),
    ("card", "4111 1111 1111 1111", "charge {} please"),
    ("card", "378282246310005", "my amex {}, 12/27"),
    ("card", "6011-1111-1111-1117", "card: {}"),
    ("phone", "(407) 555-0142", "call {} after 5"),
    ("phone", "407.555.0142", "{}"),
    ("phone", "+44 20 7946 0958", "reach him on {}"),
    ("phone", "4075550142", "cell {}"),
    ("phone", "555-0142", "my phone: {}"),
    ("phone", "407-555-0142 x12", "dial {}"),
    ("email", "jane.o'doe+cars@mail.example.co.uk", "write to <{}>."),
    ("email", "jane at gmail dot com", "it's {} thanks"),
    ("email", "jane @gmail,com", "mail {}"),
    ("vin", "1HGCM82633A004352", "2003 Accord {} needs a battery"),
    ("vin", "1hgcm82633a004352", "{}"),
    ("vin", "1HG CM8 2633 A004352", "Car: {}"),
    ("vin", "WVWZZZ1KZAW123456", "VIN: {} (imported, no check digit)"),
    ("plate", "45X KLM", "the FL plate is {}"),
    ("plate", "abc1234", "license plate number on the car: {}"),
    ("plate", "ABC-1234", "tag {}"),
    ("licence", "D400-7836-0001", "Driver's license: {}"),
    ("licence", "S51417280844", "DL# {}"),
    ("account", "123456789012", "checking account {}"),
    ("account", "061000104", "routing number {}"),
    ("birth_date", "March 3, 1985", "born {} in Ohio"),
    ("birth_date", "3/4/85", "DOB: {}"),
    ("income", "$4,200", "Gross income: {}/mo"),
    ("income", "$85k", "I make {} a year"),
    ("employer", "Publix Super Markets", "Employer: {}"),
    ("employer", "Lockheed Martin", "she works at {}"),
    ("address", "1420 maple ave apt 3, Orlando, FL 32801", "lives at {}"),
    ("address", "77B W. 3rd Street", "{}"),
    ("address", "P.O. Box 1123", "mail it to {}"),
    ("name", "Xiadani Qorvath", "Customer: {}"),
    ("name", "jose ramirez", "my name is {} and"),
    ("name", "O'Brien", "Mr. {} called"),
    ("name", "Luis de la Cruz", "Spoke with {} about it"),
    ("name", "Maria Delgado", "See you then.\nThanks,\n{}"),
    ("name", "Karen Mitchell", "the quote that {} asked for"),
]


@pytest.mark.parametrize(("entity", "value", "around"), PERSONAL)
def test_it_is_found(entity: str, value: str, around: str) -> None:
    assert found(around.format(value)) == [(entity, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Part no. 123-45-6789 supersedes 15400-PLM-A02",
        "RO 4075551234 closed at 84,332 miles",
        "P0420 and U0100-00 stored, cleared, test drove 12 miles",
        "Tracking 4111111111111112",
        "Calibration ID 37805R40A650012AB flashed",  # 17 characters, no VIN
        "$24,995 plus $389/mo for 72 months at 4.9% through 11/02/2024",
        "Tire 225/65R17 102H, torque 80 lb-ft, firing order 1-8-4-3-6-5-7-2",
        "The 1998 Buick Park Avenue, the Ford Grand Marquis and the Aston Martin Vantage",
        "4 wheel drive, 2 door, 310 hp at 6,500 rpm",
        "Works for all 2016-2020 Honda Civic models; it makes 300 hp",
        "Invoice 1234567890 paid on 03/14/2024",
        "Dear Customer, this is Great news. Thanks again!",
        "<NAME> lives at <ADDRESS>, ssn <SSN>, call <PHONE>",
    ],
)
def test_it_is_nothing(text: str) -> None:
    assert found(text) == []


def test_a_name_is_found_again_where_nothing_announces_it() -> None:
    assert found("My name is Xiadani Qorvath. Later Qorvath signed.") == [
        ("name", "Xiadani Qorvath"),
        ("name", "Qorvath"),
    ]


def test_each_treatment() -> None:
    text = "Mr. Delgado, ssn 219-09-9998, mail jane@gmail.com, VIN 1HGCM82633A004352"
    policy = Privacy(ssn="drop", email="mask", name="pseudonymise", vin="keep")
    protected = protect_text(text, policy, KEY)
    assert protected.drop
    assert protected.entities == ["email", "name", "ssn"]
    assert "ssn <SSN>, mail <EMAIL>, VIN 1HGCM82633A004352" in protected.text
    assert re.match(r"Mr\. [A-Z]\w+, ", protected.text)
    assert "Delgado" not in protected.text


def stand_in(entity: str, value: str, key: bytes = KEY) -> str:
    return privacy.make_pseudonym(entity, value, key)


def test_one_value_has_one_stand_in_however_it_is_written() -> None:
    assert stand_in("phone", "(407) 555-1234") == re.sub(
        r"(\d{3})\.(\d{3})\.", r"(\1) \2-", stand_in("phone", "407.555.1234")
    )
    assert stand_in("phone", "+1 407-555-1234").endswith(stand_in("phone", "407-555-1234"))
    assert stand_in("email", "Jane@Gmail.com") == stand_in("email", "jane@gmail.com")
    assert stand_in("name", "JANE DOE") == stand_in("name", "Jane Doe").upper()
    assert stand_in("name", "Jane Doe").endswith(stand_in("name", "Doe"))
    assert stand_in("ssn", "219-09-9998").replace("-", "") == stand_in("ssn", "219099998")


def test_another_key_gives_another_stand_in() -> None:
    for entity, value in {entity: value for entity, value, _ in PERSONAL}.items():
        draws = {stand_in(entity, value, bytes([number]) * 32) for number in range(5)}
        assert len(draws) > 2, entity
        assert value not in draws, entity


def test_stand_ins_are_plausible_and_nobodys() -> None:
    dice = random.Random(1)
    for _ in range(200):
        vin = pii_forms.vin("1HGCM826", "JTDKARFU")(dice)
        new = stand_in("vin", vin)
        assert check_digits.is_vin(new)
        assert new != vin
        assert (new[:8], new[9:11]) == (vin[:8], vin[9:11])  # maker, model, year, plant
        card = pii_forms.card("4", 16)(dice)
        assert check_digits.is_card_number(stand_in("card", card))
        assert not check_digits.is_ssn_or_itin(stand_in("ssn", pii_forms.ssn(dice)))  # never issued
        assert re.fullmatch(r"\d{3}-555-01\d\d", stand_in("phone", "407-321-4567"))
    assert stand_in("email", "jane@gmail.com").endswith("@example.com")
    assert re.fullmatch(r"[A-Z]{3}-\d{4}", stand_in("plate", "ABC-1234"))


def test_the_key_is_made_once_for_its_owners_eyes_and_differs_by_scope(home: Path) -> None:
    first = privacy.derive_key("service_advisor")
    assert privacy.derive_key("service_advisor") == first != privacy.derive_key("sales_assistant")
    assert stat.S_IMODE((home / "secrets" / "privacy").stat().st_mode) == 0o600


def test_protecting_twice_is_protecting_once() -> None:
    dice = random.Random(7)
    rows = [row.text for half in pii_rows.HALVES for row in pii_rows.rows(half, 2)]
    for _ in range(300):  # pieces of rows in a new order: values stand where no sentence would put them
        pieces = [piece for text in dice.sample(rows, 3) for piece in re.split(r"(?<=[,.:;\n]) ", text)]
        dice.shuffle(pieces)
        text = " ".join(pieces)
        once = protect_text(text, MASK, KEY).text
        assert protect_text(once, MASK, KEY).text == once


def batch(**columns: str) -> pa.Table:
    row = {"instruction": "Who owns it?", "input": "", "output": "It is ours.", "topic": "service", "facts": "{}"}
    return pa.table({name: pa.array([value], pa.string()) for name, value in (row | columns).items()})


def step(table: pa.Table, **policy: str) -> dict[str, Any]:
    plan = make_plan(
        "service_advisor", {f"privacy.{entity}": action for entity, action in policy.items()}, experiment=True
    )
    result = personal(table, plan)
    assert result.column_names == [*table.column_names, "reason"]
    assert result.schema.field("reason").type == pa.string()
    return result.to_pylist()[0]


def test_the_step_leaves_a_clean_row_as_it_is(home: Path) -> None:
    table = batch(facts='{"highway":"38 mpg"}', output="It gets 38 mpg on the highway.")
    assert step(table) == table.to_pylist()[0] | {"reason": None}


def test_the_step_drops_and_its_quarantine_keeps_no_secret(home: Path) -> None:
    row = step(batch(input="SSN 219-09-9998, card 4111 1111 1111 1111"))
    assert row["reason"] == "personal data: card, ssn"
    assert row["input"] == "SSN <SSN>, card <CARD>"


@pytest.mark.parametrize("treatment", ["mask", "pseudonymise"])
def test_facts_stay_what_the_answer_says(home: Path, treatment: str) -> None:
    facts = {"owner": "Qorvath", "phone": "321-4567", "mileage": "407 miles", "car": "2019 Civic"}
    row = step(
        batch(
            input="Customer: Xiadani Qorvath, phone (407) 321-4567",
            output="Xiadani Qorvath owns the 2019 Civic with 407 miles; call (407) 321-4567.",
            facts=json.dumps(facts),
        ),
        name=treatment,
        phone=treatment,
    )
    assert "Qorvath" not in json.dumps(row)
    assert "321-4567" not in json.dumps(row)
    changed = json.loads(row["facts"])
    assert all(words in row["output"] for words in changed.values())
    assert (changed["mileage"], changed["car"]) == ("407 miles", "2019 Civic")
    assert changed["owner"] in row["input"]


def test_the_step_is_consistent_over_rows(home: Path) -> None:
    same = [step(batch(input=f"{cue} jane@gmail.com"))["input"].split()[-1] for cue in ("Email:", "write to")]
    assert same[0] == same[1] != "jane@gmail.com"


def test_an_unknown_treatment_is_refused(home: Path) -> None:
    with pytest.raises(WeaverError, match=r"privacy\.vin"):
        make_plan("service_advisor", {"privacy.vin": "hide"}, experiment=True)


def test_the_held_out_half_is_found() -> None:
    rows = list(pii_rows.rows("held_out", times=10))
    figures = pii.score(rows, [find_personal_data(row.text) for row in rows])
    for entity in ("ssn", "card", "phone", "email", "vin"):
        assert figures["recall"][entity] >= 0.95, entity
        assert figures["precision"][entity] >= 0.9, entity


def test_the_bench_counts_what_is_missed_and_what_is_wrong() -> None:
    row = pii_rows.Labelled("call 407-555-0142 or 305-555-0199", [("phone", 5, 17), ("phone", 21, 33)])
    half = [privacy.Finding("phone", 5, 17, 1.0), privacy.Finding("ssn", 21, 33, 1.0)]
    figures = pii.score([row], [half])
    assert figures["recall"]["phone"] == 0.5
    assert figures["precision"]["phone"] == 1.0
    assert figures["precision"]["ssn"] == 0.0
