"""A registered version carries all that it takes to trust it and to make it again."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.core import signing
from pipelines.core.artifacts import ChampionModel
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.registry import ledger

from ..models import Home, evaluated


def test_a_version_carries_its_adapter_signature_plan_and_lineage(models: Home) -> None:
    artifacts = models.challenger(1)
    again = models.run("register", artifacts)
    assert again == artifacts["register"] and [entry.event for entry in ledger.read_entries()] == ["registered"]
    version = models.client.get_model_version(models.name, "1")
    assert version.tags["plan_digest"] == models.plan.digest()
    assert version.tags["adapter_digest"] == ledger.read_entries()[0].model == artifacts["export"].adapter.digest
    assert (version.tags["metric"], version.tags["score.challenger"]) == ("score", "0.800")


def test_its_page_shows_every_arm_and_the_gains_with_their_intervals(models: Home) -> None:
    models.promoted(1)
    models.challenger(2, champion=1)
    page = models.client.get_model_version(models.name, "2").description
    assert "| held-out | base | base_retrieval | few_shot | champion | challenger |" in page
    assert "| all, score | 0.300 | 0.350 | 0.400 | 0.600 | 0.800 |" in page
    assert "| champion | +20.0 | +15.0 to +25.0 | 218 |" in page
    assert "the champion is version 1" in page


def test_a_version_that_is_compared_again_has_the_new_figures_on_its_page(models: Home) -> None:
    artifacts = models.challenger(1)
    models.run("register", artifacts | {"evaluate": evaluated(7, artifacts["evaluate"].run_id)})
    assert "the champion is version 7" in models.client.get_model_version(models.name, "1").description


def test_an_adapter_that_was_changed_after_training_is_not_registered(models: Home) -> None:
    artifacts = models.challenger(1)
    (Path(artifacts["export"].adapter.uri) / "adapter_config.json").write_text("{}")
    models.client.delete_model_version(models.name, "1")
    with pytest.raises(WeaverError, match="does not match its signature"):
        models.run("register", artifacts)


def test_the_incumbent_is_the_champions_adapter_as_it_was_registered(models: Home) -> None:
    assert models.run("fetch_champion", {}) == ChampionModel(name=models.name)
    models.promoted(1)
    found = models.run("fetch_champion", {})
    folder = Path(found.adapter.uri)
    assert found.version == 1 and found.base == models.plan.base.model_dump()
    assert (found.adapter.base_model, found.adapter.base_digest) == ("b", "0" * 64)
    assert found.adapter.digest == digest(folder) == digest(models.folder / "adapters" / "1" / "adapter")
    signing.verify(folder)

    before = (folder / "adapter_model.safetensors").stat()
    assert models.run("fetch_champion", {}) == found
    assert (folder / "adapter_model.safetensors").stat() == before, "fetched once"

    models.promote(models.challenger(2, champion=1))
    assert models.run("fetch_champion", {}).version == 2
    assert [file.name for file in folder.parents[1].glob("v*")] == ["v2"]


def stored(models: Home, version: int) -> Path:
    """Where the server of the tests keeps a registered version's files."""
    source = models.client.get_model_version(models.name, str(version)).source
    return next(Path(models.artifacts).rglob(source.rpartition("/")[2])) / "artifacts"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda files, _: (files / "adapter" / "adapter_config.json").write_text("{}"), "does not match its signature"),
        (lambda files, _: (files / "adapter.sig").write_text("{}"), "does not match its signature"),
        (lambda files, _: (files / "adapter.sig").unlink(), "has no adapter.sig"),
        (lambda files, _: (files / "plan.json").unlink(), "has no plan.json"),
        (lambda files, _: (files / "plan.json").write_text("{}"), "its plan is not the one that was registered"),
        (lambda files, other: swap(files, other), "its adapter is not the one that was registered"),
    ],
)
def test_a_champion_that_was_tampered_with_is_refused(change: Any, told: str, models: Home) -> None:
    models.promoted(1, 2)
    change(stored(models, 2), stored(models, 1))
    with pytest.raises(WeaverError, match=told) as refused:
        models.run("fetch_champion", {})
    assert refused.value.remedy


def swap(files: Path, other: Path) -> None:
    """Put another version's adapter in its place, with the signature that fits it."""
    for name in ("adapter/adapter_model.safetensors", "adapter.sig"):
        (files / name).write_bytes((other / name).read_bytes())
