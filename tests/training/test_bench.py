import pytest

from pipelines.bench.train import run


@pytest.mark.slow
def test_ours_is_faster_than_the_plain_script_in_no_more_memory() -> None:
    figures = run(steps=4)
    assert figures["tokens_per_s_ratio"] == figures["tokens_per_s_ours"] / figures["tokens_per_s_plain"] > 1
    assert figures["peak_memory_ratio"] == figures["peak_rss_mib_ours"] / figures["peak_rss_mib_plain"] < 1
