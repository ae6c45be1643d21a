import json
import subprocess
import sys
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY
from pipelines.kits.automotive import service_advisor
from tests.bench import train_gpu
from tests.bench.train import run


@pytest.mark.slow
def test_ours_is_faster_than_the_plain_script_in_no_more_memory() -> None:
    figures = run(steps=4)
    # Held to processor time: by the clock, whatever else this machine does decides.
    assert figures["tokens_per_cpu_s_ratio"] > 1
    assert figures["peak_memory_ratio"] < 1
    for name in ("tokens_per_s", "tokens_per_cpu_s"):
        assert figures[f"{name}_ratio"] == figures[f"{name}_ours"] / figures[f"{name}_plain"]


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit's own rows take seconds to make."""
    rows = [
        {"instruction": f"What is part {number}?", "input": "", "output": f"Part {number} is a filter of the engine."}
        for number in range(20)
    ]
    monkeypatch.setattr(service_advisor, "build", lambda: rows)


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("rows", ["short", "long"])
def test_rows_have_the_lengths_that_their_name_says_and_are_the_same_each_time(rows: str, tmp_path: Any) -> None:
    from transformers import AutoTokenizer

    from pipelines.core.files import read_jsonl
    from pipelines.core.make_plan import make_plan
    from pipelines.text import chat_format

    shortest, longest = train_gpu.LENGTHS[rows]
    assert train_gpu.save_base(train_gpu.BASES["random-tiny"], tmp_path / "base") == 6_365_504
    for data in ("a", "b"):
        train_gpu.save_rows((shortest, longest), tmp_path / "base", tmp_path / data)
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "base")
    prompt = make_plan("service_advisor").system_prompt
    texts = [chat_format.render_with_answer(tokenizer, row, prompt) for row in read_jsonl(tmp_path / "a/train.jsonl")]
    lengths = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    assert len(lengths) == 256
    assert shortest <= min(lengths) < shortest + 10
    assert longest - 10 < max(lengths) <= longest


@pytest.mark.usefixtures("few_rows")
def test_a_tiny_base_of_the_same_shape_takes_the_same_path_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # on a busy machine threads wait for each other ten times as long
    figures = train_gpu.run("random-tiny", "short", "plain", steps=2)
    memory = "peak_rss_mib" if figures["card"] == "none" else "peak_gpu_gib"
    for name, ratio in (("tokens_per_s", "tokens_per_s_ratio"), (memory, "peak_memory_ratio")):
        assert figures[ratio] == figures[f"{name}_ours"] / figures[f"{name}_plain"] > 0
    assert figures["driver"]
    assert json.loads(json.dumps(figures)) == figures


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("random-7b",), "--base random-7b needs a GPU: .*\n.*random-tiny"),
        (("random-tiny", "short", "unsloth"), "unsloth is not installed.*\n.*pip install unsloth"),
        (("random-8b",), "did you mean 'random-7b'"),
        (("random-tiny", "middling"), "Use one of: long, short"),
    ],
)
def test_what_cannot_be_measured_here_is_an_error_with_its_remedy(
    options: tuple[Any, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_gpu, "cuda_works", lambda: False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeaverError, match=message):
        train_gpu.run(*options)


def test_the_command_says_which_option_is_missing() -> None:
    bench = [sys.executable, "-m", "tests.bench", "train", "--rows", "short"]
    done = subprocess.run(bench, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 1
    assert "error: --rows and --peer need --base" in done.stderr
