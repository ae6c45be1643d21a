from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.plan import Base
from pipelines.text import chat_format
from pipelines.training.base_model import base_digest, load_base, measure_model_size, prepare_base


def test_the_packaged_model_becomes_a_folder_that_answers() -> None:
    folder = prepare_base(Base())
    model, tokenizer = load_base(folder, Base(quantisation="none"))
    asked = {"instruction": "What is the capital of France?", "input": ""}
    text = chat_format.render_prompt(tokenizer, asked, "You are a helpful assistant.")
    inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    answer = model.generate(**inputs, max_new_tokens=16, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0, inputs["input_ids"].shape[1] :])
    assert not any(file.suffix in {".bin", ".pt", ".pkl"} for file in folder.iterdir())


def test_it_is_converted_once_and_known_by_its_digest() -> None:
    folder = prepare_base(Base())
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert prepare_base(Base()) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert base_digest(folder) == base_digest(prepare_base(Base(model=str(folder))))


def test_another_chat_template_is_another_base(tmp_path: Path) -> None:
    folder = prepare_base(Base())
    for file in folder.iterdir():
        (tmp_path / file.name).hardlink_to(file)
    same = base_digest(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    assert same == base_digest(folder) != base_digest(tmp_path)


def test_nf4_is_a_third_of_the_memory() -> None:
    folder = prepare_base(Base())
    exact, _ = load_base(folder, Base(quantisation="none"))
    nf4, _ = load_base(folder, Base())
    assert measure_model_size(nf4)["parameters"] == measure_model_size(exact)["parameters"]
    assert measure_model_size(nf4)["footprint_mib"] < measure_model_size(exact)["footprint_mib"] / 3


def test_a_base_without_a_chat_template_gets_a_plain_one(tmp_path: Path) -> None:
    for file in prepare_base(Base()).iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).hardlink_to(file)
    _, tokenizer = load_base(prepare_base(Base(model=str(tmp_path))), Base())
    asked = {"instruction": "Where is order 1?", "input": "order 1 | bay 2", "output": "In bay 2."}
    prompt, whole = (
        render(tokenizer, asked, "You know every order.")
        for render in (chat_format.render_prompt, chat_format.render_with_answer)
    )
    assert "You know every order." in prompt and "bay 2" in prompt
    assert whole == f"{prompt}In bay 2.{tokenizer.eos_token}"


def test_a_base_that_is_not_there_is_named() -> None:
    with pytest.raises(WeaverError, match="“somebody/some-model” is neither smollm2-135m, nor a folder"):
        prepare_base(Base(model="somebody/some-model"))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(WeaverError, match=r"contains no \.safetensors"):
        prepare_base(Base(model=str(tmp_path)))
