"""What electricity a stage took, after codecarbon's models, and the CO2 of it; offline.

Of a processor, codecarbon's model of a process is its share of the processor time times the rated power: linear, and so
a stage's energy follows from its processor seconds, those of its children among them, without looking every few
seconds. What the counters of a processor (RAPL) measure would be of all the servers around it too. Of memory it is
a model as well. Of NVIDIA GPUs it is what their own counters measured. So the sum is called an estimate.
"""

import logging
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import digest, read_json, write_text
from pipelines.core.params import has_gpu, load_cost_rates
from pipelines.core.settings import settings

JOULES_PER_KWH = 3_600_000  # a kWh
SHORT_SECONDS = 1.0  # seconds


class Machine(Artifact):
    """What codecarbon's tables say of this machine and its country."""

    cpu: str
    watts_per_cpu: float  # rated power of the processor, a logical CPU
    memory_watts: float
    co2_kg_per_kwh: float  # CO2 of the grid

    def energy_kwh(self, seconds: float, cpu_seconds: float, gpu_kwh: float = 0.0) -> float:
        """kWh of a stage that took `seconds`, and `cpu_seconds` of the processor."""
        return (self.watts_per_cpu * cpu_seconds + self.memory_watts * seconds) / JOULES_PER_KWH + gpu_kwh


def load_machine(seconds: float = SHORT_SECONDS) -> Machine:
    """This machine, from codecarbon's tables: looked up once, as that takes seconds, and then kept in a file. For a
    stage that took less than a second it is not looked up, and its energy counts as 0: it is some milliwatt-hours.

    Raises:
        WeaverError: codecarbon does not know costs.country.
    """
    identity = [
        version("codecarbon"),
        read_processor_name(),
        psutil.cpu_count(),
        psutil.virtual_memory().total,
        load_cost_rates().country,
    ]
    file = settings().home / "costs" / f"machine-{digest(identity)[:12]}.json"
    if not file.exists():
        if seconds < SHORT_SECONDS:
            return Machine(cpu=read_processor_name(), watts_per_cpu=0, memory_watts=0, co2_kg_per_kwh=0)
        write_text(file, look_up_machine(load_cost_rates().country).model_dump_json(indent=1) + "\n")
    return Machine.model_validate(read_json(file, "Delete it: it is written anew."))


@cache
def look_up_machine(country: str) -> Machine:
    """Return this machine's power draw and its grid's carbon intensity (source: codecarbon's tables)."""
    from codecarbon import input as tables
    from codecarbon.core import cpu
    from codecarbon.core.emissions import Emissions
    from codecarbon.core.units import Energy
    from codecarbon.external.geography import GeoMetadata
    from codecarbon.external.hardware import POWER_CONSTANT
    from codecarbon.external.ram import RAM

    logging.getLogger("codecarbon").setLevel(logging.ERROR)  # a processor that it does not know has its usual watts
    library: tuple[Any, Any] = (cpu, tables)  # without types
    rated, data = library[0].TDP(), library[1].DataSource()
    mix = data.get_global_energy_mix_data()
    if country not in mix:
        raise WeaverError(
            f"{settings().params}: costs.country '{country}' is not a country that codecarbon knows"
            f"{did_you_mean(country, mix)}",
            "Write its three letters after ISO 3166-1: USA, DEU.",
        )
    place = GeoMetadata(country_iso_code=country, country_name=mix[country]["country_name"])
    return Machine(
        cpu=rated.model or read_processor_name(),
        watts_per_cpu=(rated.tdp or POWER_CONSTANT) / (psutil.cpu_count() or 1),
        memory_watts=RAM(tracking_mode="machine").total_power().W,
        co2_kg_per_kwh=Emissions(data).get_private_infra_emissions(Energy.from_energy(kWh=1), place),
    )


@cache
def read_processor_name() -> str:
    """What the kernel calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


class GpuMeter:
    """The energy counters of the NVIDIA GPUs, from now on; where there is no GPU, nothing is loaded or counted."""

    def __init__(self) -> None:
        self.monitor: Any = None
        self.total = 0.0
        if has_gpu():
            from codecarbon.external.hardware import GPU

            self.monitor = GPU.from_utils()
            self.monitor.start()

    def read_kwh(self, seconds: float) -> float:
        """What all GPUs have used since the meter was made, `seconds` ago, whoever used them."""
        if self.monitor:  # it returns what was added since the last call
            self.total += self.monitor.measure_power_and_energy(seconds)[1].kWh
        return self.total
