"""The deployed version is the evaluated and signed one, and the previous version is kept."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core import signing
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.progress import read_progress
from pipelines.core.templates import find_template_files
from pipelines.knowledge.index import has_index
from pipelines.serving.deploy import build_missing_index
from pipelines.serving.deployment_pointer import deployment_lock, is_being_deployed, read_deployment
from pipelines.serving.model_store import local_folder

from ..models import Home


@pytest.fixture
def promoted(models: Home) -> dict[str, Any]:
    """The artifacts of version 2, which is champion and not deployed yet, while version 1 is deployed."""
    models.promoted(1)
    artifacts = models.challenger(2, champion=1)
    return artifacts | {"promote": models.run("promote", artifacts, by="ada", why="better")}


def test_the_pointer_moves_to_the_promoted_version_and_the_previous_one_is_kept(models: Home) -> None:
    models.promoted(1, 2, 3)
    deployment = read_deployment(models.name)
    assert deployment.version == 3
    folder = Path(deployment.uri)
    assert folder.samefile(local_folder(models.name) / "v3") and (folder / "model.safetensors").exists()
    signing.verify(folder)
    assert {file.name for file in folder.parent.glob("v*")} == {"v2", "v2.sig", "v3", "v3.sig"}


def test_a_running_deployment_is_visible(home: Path) -> None:
    assert not is_being_deployed("service_advisor")
    with deployment_lock("service_advisor"):
        assert is_being_deployed("service_advisor")
    assert not is_being_deployed("service_advisor")


def test_deploying_is_idempotent(models: Home, promoted: dict[str, Any]) -> None:
    assert models.run("deploy", promoted) == models.run("deploy", promoted)


def test_an_export_that_was_changed_after_its_evaluation_is_not_deployed(
    models: Home, promoted: dict[str, Any]
) -> None:
    (Path(promoted["export"].uri) / "model.safetensors").write_bytes(b"better")
    with pytest.raises(WeaverError, match="is not the export that was evaluated"):
        models.run("deploy", promoted)
    assert read_deployment(models.name).version == 1


def test_an_unsigned_export_is_not_deployed(models: Home, promoted: dict[str, Any]) -> None:
    signing.signature_file(Path(promoted["export"].uri)).unlink()
    with pytest.raises(WeaverError, match="is not signed"):
        models.run("deploy", promoted)
    assert read_deployment(models.name).version == 1


def test_a_deployed_file_that_was_changed_is_restored(models: Home, promoted: dict[str, Any]) -> None:
    models.run("deploy", promoted)
    published = local_folder(models.name) / "v2" / "model.safetensors"
    good = published.read_bytes()
    published.unlink()
    published.write_bytes(good[:-1] + b"x")
    with pytest.raises(WeaverError, match="does not match its signature"):
        signing.verify(published.parent)
    models.run("deploy", promoted)
    assert published.read_bytes() == good
    signing.verify(published.parent)


def test_reading_a_deployment_before_the_first_one_names_the_command(home: Path) -> None:
    with pytest.raises(WeaverError, match="weaver run service_advisor"):
        read_deployment("service_advisor")


@pytest.mark.parametrize("retrieval", [0, 3])
def test_a_deployment_builds_the_index_of_a_template_that_is_answered_from_one(home: Path, retrieval: int) -> None:
    template = yaml.safe_load(find_template_files()["service_advisor"].read_text())
    template |= {"name": "desk", "knowledge": {"sources": []}, "serving": {"retrieval": retrieval}}
    (home / "templates").mkdir()
    (home / "templates" / "desk.yaml").write_text(yaml.safe_dump(template))
    build_missing_index(make_plan("desk"))
    assert has_index("desk") == bool(retrieval)
    assert ("knowledge index: 0 passages" in str(read_progress("desk"))) == bool(retrieval)
