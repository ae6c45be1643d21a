"""Values that others made up are found: faker's address books and plates, and the number plans of phonenumbers."""

import time
from collections.abc import Callable, Iterable

import faker
import phonenumbers
import pytest

from pipelines.kits.automotive import parts_inventory, sales_conversations, service_advisor, vehicle_specifications
from pipelines.text.privacy import find_personal_data
from tests.bench.pii import COVERED, share

AROUND_ADDRESS = ("my address is {}.", "please send it to {} thanks", "he lives at {}, call me")
FULL_ADDRESSES = ["en_US", "en_GB", "en_CA", "de_DE", "de_AT", "de_CH", "sv_SE", "da_DK", "no_NO", "pl_PL", "fi_FI"]


def found_share(kind: str, values: Iterable[str], frames: tuple[str, ...]) -> float:
    """The share of the values that are found in their sentences."""
    hits = []
    for number, value in enumerate(values):
        text = frames[number % len(frames)].format(value)
        start = text.index(value)
        spans = [(f.start, f.end) for f in find_personal_data(text) if f.entity == kind]
        hits.append(share(text, start, start + len(value), spans) >= COVERED)
    return sum(hits) / len(hits)


def made_up(locale: str, provider: str, count: int = 60) -> list[str]:
    """Values of a provider of faker, the same in every run."""
    source = faker.Faker(locale)
    faker.Faker.seed(29)
    make: Callable[[], str] = getattr(source, provider)
    return [make().replace("\n", ", ") for _ in range(count)]


@pytest.mark.parametrize("locale", FULL_ADDRESSES)
def test_addresses_of_a_country_are_found(locale: str) -> None:
    assert found_share("address", made_up(locale, "address"), AROUND_ADDRESS) >= 0.9


@pytest.mark.parametrize("locale", ["fr_FR", "fr_CH", "pt_PT", "cs_CZ", "nl_BE"])
def test_most_addresses_of_a_country_are_found(locale: str) -> None:
    assert found_share("address", made_up(locale, "address"), AROUND_ADDRESS) >= 0.65


def test_the_example_number_of_each_region_is_a_phone() -> None:
    numbers = filter(None, map(phonenumbers.example_number, sorted(phonenumbers.SUPPORTED_REGIONS)))
    written = [phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.INTERNATIONAL) for n in numbers]
    assert len(written) > 200
    assert found_share("phone", written, ("my number is {}", "{}")) >= 0.98


@pytest.mark.parametrize("locale", ["en_GB", "de_DE", "fr_FR", "nl_NL", "sv_SE"])
def test_plates_of_a_country_are_found(locale: str) -> None:
    assert (
        found_share("plate", made_up(locale, "license_plate"), ("my plate is {}", "Licence plate: {}, blue car"))
        >= 0.95
    )


@pytest.mark.parametrize("locale", ["en_GB", "de_DE", "es_ES", "no_NO", "pl_PL"])
def test_an_iban_is_an_account_without_a_word(locale: str) -> None:
    assert found_share("account", made_up(locale, "iban"), ("send it to {} please",)) == 1.0


def test_an_employer_is_found_where_somebody_works_there() -> None:
    frames = ("she works at {}.", "employer: {}", "he has been at {} for 4 years", "paystub from {}.")
    assert found_share("employer", made_up("en_US", "company"), frames) >= 0.95


def test_dates_of_birth_are_found_in_any_order() -> None:
    born = faker.Faker("en_US")
    faker.Faker.seed(31)
    forms = ("%m/%d/%Y", "%B %d, %Y", "%d %b %Y", "%Y-%m-%d", "%m-%d-%y", "%d.%m.%Y")
    dates = [born.date_of_birth(minimum_age=18).strftime(form) for form in forms for _ in range(20)]
    assert found_share("birth_date", dates, ("born {}", "DOB: {}", "his date of birth is {}")) >= 0.98


@pytest.mark.parametrize(
    "piece", ["one ", "Aa, ", "1-", "works at Aa ", "SW1A 1AA, ", "plate A1 ", "de la ", "12 Main "]
)
def test_a_long_text_of_one_piece_takes_no_longer_by_the_square(piece: str) -> None:
    find_personal_data(piece)
    seconds = []
    for times in (500, 2000):
        began = time.process_time()
        find_personal_data(piece * times)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 8 * seconds[0] + 0.1  # four times the text; sixteen times would be the square


@pytest.mark.parametrize("kit", [parts_inventory, sales_conversations, service_advisor, vehicle_specifications])
def test_no_address_number_or_firm_is_found_in_public_records(kit: object) -> None:
    rows = kit.build()  # type: ignore[attr-defined]
    texts = ["\n".join((row["instruction"], row["input"], row["output"])) for row in rows]
    assert [f for text in texts for f in find_personal_data(text) if f.entity != "name"] == []


@pytest.mark.parametrize("kit", [parts_inventory, sales_conversations, service_advisor, vehicle_specifications])
def test_hardly_a_misspelt_word_of_the_kits_is_a_name(kit: object) -> None:
    """The kits put many questions in rough words, whose letters are swapped, left out and added at random."""
    rows = kit.build()  # type: ignore[attr-defined]
    texts = [row[column] for row in rows for column in ("instruction", "input", "output")]
    found = [text[f.start : f.end] for text in texts for f in find_personal_data(text)]
    assert len(found) <= 0.01 * len(rows), found
