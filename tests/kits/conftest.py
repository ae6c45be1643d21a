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
