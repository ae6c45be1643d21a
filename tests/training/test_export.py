"""What is exported is signed, made once, and kept while it is of use; a lost champion is told by its version."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.core import signing
from pipelines.core.artifacts import Adapter, ChampionModel, Export
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.training.export import export, rebuild_export

NONE_YET = ChampionModel(name="service_advisor")


@pytest.fixture
def plan(small_base: Path) -> TrainingPlan:
    return make_plan("service_advisor", {"base.model": str(small_base)})


def champion(adapter: Adapter, plan: TrainingPlan, version: int = 3, **base: Any) -> ChampionModel:
    section = plan.base.model_dump() | base
    form = plan.deployment.model_dump()
    return ChampionModel(name="service_advisor", version=version, adapter=adapter, base=section, deployment=form)


def kept(export: Export) -> set[str]:
    return {folder.name for folder in Path(export.uri).parent.iterdir() if not folder.name.startswith(".")}


def test_the_first_export_has_no_champion_and_is_signed(small_adapter: Any, plan: TrainingPlan, tmp_path: Path) -> None:
    made = export(small_adapter(1), NONE_YET, plan, tmp_path)
    signing.verify(Path(made.uri))
    assert made.digest == digest(Path(made.uri))
    assert made.base_uri == plan.base.model
    assert not made.champion_uri and not made.champion_digest and made.champion_version == 0


def test_the_champion_is_merged_over_the_base_that_it_was_trained_over(
    small_adapter: Any, plan: TrainingPlan, tmp_path: Path
) -> None:
    adapter = small_adapter(1)
    made = export(adapter, champion(adapter, plan, quantisation="none"), plan, tmp_path)
    assert made.champion_version == 3
    assert made.champion_digest != made.digest, "over the exact base it is another model than over the quantised one"
    signing.verify(Path(made.champion_uri))


def test_a_champion_that_was_challenger_last_night_is_not_made_again(
    small_adapter: Any, plan: TrainingPlan, tmp_path: Path
) -> None:
    first = export(small_adapter(1), NONE_YET, plan, tmp_path)
    made_at = (Path(first.uri) / "model.gguf").stat().st_mtime_ns
    second = export(small_adapter(2), champion(first.adapter, plan), plan, tmp_path)
    assert second.champion_uri == first.uri and second.champion_digest == first.digest
    assert (Path(first.uri) / "model.gguf").stat().st_mtime_ns == made_at


def test_the_two_newest_are_kept_with_their_signatures_and_no_others(
    small_adapter: Any, plan: TrainingPlan, tmp_path: Path
) -> None:
    for night in (1, 2, 3):
        made = export(small_adapter(night), champion(small_adapter(9), plan), plan, tmp_path)
    names = {Path(made.uri).name, Path(made.champion_uri).name}
    assert kept(made) == names | {f"{name}.sig" for name in names}


def test_exporting_again_changes_no_byte(small_adapter: Any, plan: TrainingPlan, tmp_path: Path) -> None:
    adapter = small_adapter(1)
    first = export(adapter, champion(small_adapter(2), plan), plan, tmp_path)
    signed_at = signing.signature_file(Path(first.uri)).stat().st_mtime_ns
    assert export(adapter, champion(small_adapter(2), plan), plan, tmp_path) == first
    assert signing.signature_file(Path(first.uri)).stat().st_mtime_ns == signed_at


def test_a_changed_export_is_refused_and_not_signed_again(
    small_adapter: Any, plan: TrainingPlan, tmp_path: Path
) -> None:
    adapter = small_adapter(1)
    folder = Path(export(adapter, NONE_YET, plan, tmp_path).uri)
    whole = (folder / "model.gguf").read_bytes()
    (folder / "model.gguf").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(WeaverError, match="does not match its signature"):
        export(adapter, NONE_YET, plan, tmp_path)

    signing.signature_file(folder).unlink()  # as if it had been killed before it was signed
    export(adapter, NONE_YET, plan, tmp_path)
    assert (folder / "model.gguf").read_bytes() == whole
    signing.verify(folder)


def test_a_champion_that_is_lost_is_named_with_the_way_round_it(
    small_adapter: Any, plan: TrainingPlan, tmp_path: Path
) -> None:
    gone = champion(small_adapter(2), plan, version=7, model=str(tmp_path / "gone"))
    with pytest.raises(WeaverError, match=r"Version 7 of service_advisor(?s:.)*weaver rollback service_advisor --to"):
        export(small_adapter(1), gone, plan, tmp_path)


def test_an_adapter_with_a_missing_file_is_named_too(small_adapter: Any, plan: TrainingPlan, tmp_path: Path) -> None:
    adapter = small_adapter(2)
    (Path(adapter.uri) / "adapter_model.safetensors").unlink()
    with pytest.raises(WeaverError, match="Version 3 of service_advisor, the champion, cannot be merged with its base"):
        export(small_adapter(1), champion(adapter, plan), plan, tmp_path)


def test_a_rollback_exports_its_version_alone_and_removes_nothing(
    small_adapter: Any, plan: TrainingPlan, tmp_path: Path
) -> None:
    waiting = export(small_adapter(1), NONE_YET, plan, tmp_path)
    before = champion(small_adapter(2), plan)
    back = rebuild_export(before, plan, tmp_path)
    signing.verify(Path(back.uri))
    assert back.adapter == before.adapter
    assert back.digest == digest(Path(back.uri)) != waiting.digest
    assert Path(waiting.uri).is_dir()


def test_there_is_nothing_to_go_back_to_before_the_first_champion(plan: TrainingPlan, tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match="weaver run service_advisor"):
        rebuild_export(NONE_YET, plan, tmp_path)
