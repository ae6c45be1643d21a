"""What answers is what was evaluated, whole, and the one before it is still there."""

from pathlib import Path

import pytest

from pipelines.artifacts import Adapter, Export, Promotion
from pipelines.errors import WeaverError
from pipelines.files import digest
from pipelines.serving.deploy import deploy, deployed
from pipelines.templates import make_plan

ADAPTER = Adapter(uri="", digest="", base_model="b", base_digest="", run_id="r")


def exported(folder: Path, content: str) -> Export:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(content)
    return Export(uri=str(folder), digest=digest(folder), base_uri="", adapter=ADAPTER)


def promoted(to: int) -> Promotion:
    return Promotion(name="service_advisor", from_version=to - 1, to_version=to, by="me", at="", why="")


def test_the_pointer_moves_to_the_promoted_version_and_one_before_it_stays(home: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        deploy(promoted(number), exported(tmp_path / f"e{number}", f"weights {number}"), make_plan("service_advisor"))
    deployment = deployed("service_advisor")
    assert deployment.version == 3
    assert (Path(deployment.uri) / "model.safetensors").read_text() == "weights 3"
    assert {folder.name for folder in Path(deployment.uri).parent.glob("v*")} == {"v2", "v3"}


def test_deploying_twice_is_deploying_once(home: Path, tmp_path: Path) -> None:
    export = exported(tmp_path / "e", "weights")
    assert deploy(promoted(1), export, make_plan("service_advisor")) == deploy(
        promoted(1), export, make_plan("service_advisor")
    )


def test_other_bytes_than_were_evaluated_do_not_answer(home: Path, tmp_path: Path) -> None:
    deploy(promoted(1), exported(tmp_path / "e1", "good"), make_plan("service_advisor"))
    tampered = exported(tmp_path / "e2", "better").model_copy(update={"digest": "0" * 64})
    with pytest.raises(WeaverError, match="not what was evaluated"):
        deploy(promoted(2), tampered, make_plan("service_advisor"))
    assert deployed("service_advisor").version == 1


def test_asking_before_anything_is_deployed_says_what_to_run(home: Path) -> None:
    with pytest.raises(WeaverError, match="weaver run service_advisor"):
        deployed("service_advisor")
