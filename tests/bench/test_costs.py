import pytest

from pipelines.core.plan import Costs
from tests.bench.costs import answering, hosted, training


def test_a_hosted_answer_costs_what_it_reads_and_writes() -> None:
    assert hosted(1000, 200, Costs(hosted_input=0.15, hosted_output=0.60)) == pytest.approx(0.00027)


@pytest.mark.slow
def test_answers_here_are_compared_with_the_stated_price() -> None:
    figures = answering(8)
    assert figures["here_per_1000_answers"] > 0 and figures["tokens_written"] > 1
    saving = figures["hosted_per_1000_answers"] - figures["here_per_1000_answers"]
    assert figures["saving_per_1000_answers"] == pytest.approx(saving)


@pytest.mark.slow
def test_qlora_takes_less_memory_than_full_fine_tuning() -> None:
    assert training(steps=4)["full_over_qlora_memory"] > 1
