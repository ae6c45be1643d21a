"""What real stages take, and what it is said to cost."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pipelines.core.artifacts import CollectedFeedback
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.params import load_cost_rates
from pipelines.core.settings import REPOSITORY, settings
from pipelines.costs import energy, meter
from pipelines.costs.cost_store import read_executions
from pipelines.costs.meter import measure_costs
from pipelines.stages.run import run_stage

T = "service_advisor"
SHORT = """
import sys
from pipelines.costs.meter import measure_costs
from pipelines.core.make_plan import make_plan
with measure_costs(make_plan("service_advisor"), "collect"):
    pass
print(*(name for name in ("codecarbon", "pandas", "mlflow") if name in sys.modules))
"""


@pytest.fixture
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`costs(kwh=…)`: other rates in a params.yaml of the test's own."""

    def write(**changed: Any) -> None:
        params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
        params["costs"] |= changed
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        monkeypatch.setenv("WEAVER_PARAMS", str(tmp_path / "params.yaml"))
        settings.cache_clear()

    return write


def burn(seconds: float) -> None:
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass


def test_stages_cost_their_hours(home: Path, costs: Any, tmp_path: Path) -> None:
    costs(machine_hour=3600.0, kwh=0.0)
    plan = make_plan(T)
    records = run_stage("collect", plan, {"collect_feedback": CollectedFeedback()}, tmp_path / "work", run_id="night")
    run_stage("validate", plan, {"collect": records}, tmp_path / "work", run_id="night")
    first, second = read_executions(run="night")
    assert (first.stage, second.stage) == ("collect", "validate")
    for one in (first, second):
        assert (one.template, one.state, one.model, one.plan) == (T, "done", "smollm2-135m", plan.digest())
        assert one.cost == pytest.approx(one.seconds)
        assert one.cpu_seconds > 0
        assert one.peak_rss_mib > 20
        assert one.energy_kwh_estimated > 0 or one.seconds < energy.SHORT_SECONDS


def test_the_processor_time_of_children_counts(home: Path) -> None:
    with measure_costs(make_plan(T), "refine"):
        work = "import time\nwhile time.process_time() < 0.5: pass"
        subprocess.run([sys.executable, "-c", work], check=True)
    (one,) = read_executions()
    assert one.cpu_seconds > 0.5


def test_energy_is_codecarbons_model_of_the_processor_time_and_is_paid_for(home: Path, costs: Any) -> None:
    costs(machine_hour=0.0, kwh=1000.0, country="DEU")
    with measure_costs(make_plan(T), "refine"):
        burn(1.1)
    (one,) = read_executions()
    here = energy.load_machine()
    watts = (here.watts_per_cpu * one.cpu_seconds + here.memory_watts * one.seconds) / one.seconds
    assert one.energy_kwh_estimated == pytest.approx(watts * one.seconds / 3_600_000)
    assert one.cost == pytest.approx(1000 * one.energy_kwh_estimated)
    assert one.co2_kg_estimated == pytest.approx(one.energy_kwh_estimated * here.co2_kg_per_kwh)
    assert 0.1 < here.co2_kg_per_kwh < 1
    assert list(Path.cwd().glob("emissions*")) == []


def test_a_stage_of_a_moment_loads_no_library(home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SHORT], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == ""


def test_metering_takes_little(home: Path) -> None:
    plan = make_plan(T)
    energy.load_machine()
    began = time.process_time()
    for _ in range(10):
        with measure_costs(plan, "collect"):
            pass
    assert (time.process_time() - began) / 10 < 0.25, "processor seconds a stage"


def test_gpus_cost_their_hours(home: Path, costs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPUs are made up, as no machine of the tests has one: torch's count, and codecarbon's counters."""
    costs(machine_hour=0.0, gpu_hour=3600.0, kwh=0.0)
    cuda = SimpleNamespace(is_initialized=lambda: True, device_count=lambda: 2)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    counters = SimpleNamespace(read_kwh=lambda seconds: 0.25)
    monkeypatch.setattr(meter, "GpuMeter", lambda: counters)
    with measure_costs(make_plan(T), "refine"):
        time.sleep(0.05)
    (one,) = read_executions()
    assert one.gpu_seconds == pytest.approx(2 * one.seconds)
    assert one.cost == pytest.approx(one.gpu_seconds)
    assert one.energy_kwh_estimated >= 0.25


def test_a_wrong_rate_is_refused_and_changes_no_plan(home: Path, costs: Any) -> None:
    before = make_plan(T).digest()
    costs(machine_hour=9.0)
    assert (make_plan(T).digest(), load_cost_rates().machine_hour) == (before, 9.0)
    costs(machine_hours=9.0)
    with pytest.raises(WeaverError, match=r"unknown key 'costs\.machine_hours'; did you mean 'costs\.machine_hour'"):
        make_plan(T)
    costs(kwh=-1)
    with pytest.raises(WeaverError, match=r"costs\.kwh: .*greater than or equal to 0, not -1"):
        load_cost_rates()


def test_a_country_without_a_grid_is_told(home: Path, costs: Any) -> None:
    costs(country="DEX")
    with pytest.raises(WeaverError, match=r"'DEX' is not a country that codecarbon knows"):
        energy.load_machine()
