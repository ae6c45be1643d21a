"""What electricity a stage took, after codecarbon's models, and the CO2 of it; offline.

Of a processor, codecarbon's model of a process is its share of the processor time times the rated power: linear, and so
a stage's energy follows from its processor seconds, those of its children among them, without looking every few
seconds. What the counters of a processor (RAPL) measure would be that of all the servers around it too. Of memory it is
a model as well. Of NVIDIA GPUs it is what their own counters measured. So the sum is called an estimate.
"""

import json
import logging
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, write_text
from pipelines.core.params import has_gpu, load_cost_rates
from pipelines.core.settings import settings
from pipelines.core.validation import did_you_mean

JOULES = 3_600_000  # a kWh
SHORT = 1.0  # seconds


class Machine(Artifact):
    """What codecarbon's tables say of this machine and its country."""

    cpu: str
    watts_a_cpu: float  # rated power of the processor, a logical CPU
    memory_watts: float
    kg_a_kwh: float  # CO2 of the grid

    def energy(self, seconds: float, cpu_seconds: float, gpu_kwh: float = 0.0) -> float:
        """kWh of so long a stage, and of so many processor seconds."""
        return (self.watts_a_cpu * cpu_seconds + self.memory_watts * seconds) / JOULES + gpu_kwh


def machine(seconds: float = SHORT) -> Machine:
    """This machine, in codecarbon's words: asked once, as that takes seconds, and then kept. A stage that took less
    than a second does not ask, and its energy counts as none: it is some milliwatt-hours.

    Raises:
        WeaverError: costs.country is none that codecarbon knows.
    """
    known = [
        version("codecarbon"),
        processor(),
        psutil.cpu_count(),
        psutil.virtual_memory().total,
        load_cost_rates().country,
    ]
    file = settings().home / "costs" / f"machine-{digest(known)[:12]}.json"
    if not file.exists():
        if seconds < SHORT:
            return Machine(cpu=processor(), watts_a_cpu=0, memory_watts=0, kg_a_kwh=0)
        write_text(file, asked(load_cost_rates().country).model_dump_json(indent=1) + "\n")
    return Machine.model_validate(json.loads(file.read_text()))


@cache
def asked(country: str) -> Machine:
    from codecarbon.core.cpu import TDP
    from codecarbon.core.emissions import Emissions
    from codecarbon.core.units import Energy
    from codecarbon.external.geography import GeoMetadata
    from codecarbon.external.hardware import POWER_CONSTANT
    from codecarbon.external.ram import RAM
    from codecarbon.input import DataSource

    logging.getLogger("codecarbon").setLevel(logging.ERROR)  # a processor that it does not know has its usual watts
    data = DataSource()
    mix = data.get_global_energy_mix_data()
    if country not in mix:
        raise WeaverError(
            f"{settings().params}: costs.country {country!r} is no country that codecarbon knows"
            f"{did_you_mean(country, mix)}",
            "Write its three letters after ISO 3166-1: USA, DEU.",
        )
    place = GeoMetadata(country_iso_code=country, country_name=mix[country]["country_name"])
    rated = TDP()
    return Machine(
        cpu=rated.model or processor(),
        watts_a_cpu=(rated.tdp or POWER_CONSTANT) / (psutil.cpu_count() or 1),
        memory_watts=RAM(tracking_mode="machine").total_power().W,
        kg_a_kwh=Emissions(data).get_private_infra_emissions(Energy.from_energy(kWh=1), place),
    )


@cache
def processor() -> str:
    """What the kernel calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


class Gpus:
    """The counters of the NVIDIA GPUs from here on; where there is none, nothing is loaded and nothing counted."""

    def __init__(self) -> None:
        self.found: Any = None
        self.total = 0.0
        if has_gpu():
            from codecarbon.external.hardware import GPU

            self.found = GPU.from_utils()
            self.found.start()

    def kwh(self, seconds: float) -> float:
        """What they have taken since then, `seconds` ago, whoever used them."""
        if self.found:  # which tells what was added since it was asked last
            self.total += self.found.measure_power_and_energy(seconds)[1].kWh
        return self.total
