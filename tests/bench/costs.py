"""What QLoRA saves beside full fine-tuning, and what answering here costs beside a hosted API, with the formulas."""

import statistics
from typing import Any

import psutil

from pipelines.clients.local_model import packaged_gguf
from pipelines.core.make_plan import make_plan
from pipelines.core.params import hourly_machine_cost, load_cost_rates
from pipelines.core.plan import Costs
from tests.bench.served import ask, served
from tests.bench.train import TEMPLATE, best


def run(steps: int = 8, questions: int = 40) -> dict[str, Any]:
    """Train the same rows both ways, in turn; then answer held-out questions one at a time with llama.cpp.

    Returns:
        training: a million tokens' cost, peak memory (MiB) and their ratios, full over QLoRA; answering: of 1,000
        answers here and at the stated price, the saving, and how many answers per hour the machine must give for its
        hour to cost less than the API; formulas. Costs here are of a machine whose processors have enough to do, by
        processor time, which other work on the machine disturbs less.
    """
    return training(steps) | answering(questions)


def training(steps: int) -> dict[str, Any]:
    highest, cpus = best(steps, "ours", "full"), psutil.cpu_count() or 1
    hourly = hourly_machine_cost()
    cost = {side: hourly * 1e6 / speed / cpus / 3600 for side, speed in highest["tokens_per_cpu_s"].items()}
    memory = highest["peak_rss_mib"]
    return {
        "qlora_cost_per_million_tokens": cost["ours"],
        "full_cost_per_million_tokens": cost["full"],
        "full_over_qlora_cost": cost["full"] / cost["ours"],
        "qlora_peak_mib": memory["ours"],
        "full_peak_mib": memory["full"],
        "full_over_qlora_memory": memory["full"] / memory["ours"],
        "training_formula": f"{hourly:g} per hour x 1,000,000 tokens / tokens per CPU second / {cpus} CPUs / 3600",
    }


def answering(questions: int) -> dict[str, Any]:
    from pipelines.kits.automotive import service_advisor

    plan, rate = make_plan(TEMPLATE), load_cost_rates()
    rows = service_advisor.build()
    rows = rows[:: max(1, len(rows) // questions)][:questions]
    with served(packaged_gguf(), plan) as server:
        ask(server, rows[0], plan)  # the first warms up
        answers = [ask(server, row, plan) for row in rows]
    busy, cpus = statistics.fmean(answer.processor_seconds for answer in answers), psutil.cpu_count() or 1
    read = statistics.fmean(answer.prompt_tokens for answer in answers)
    written = statistics.fmean(answer.completion_tokens for answer in answers)
    hourly = hourly_machine_cost()
    here, there = 1000 * busy / cpus / 3600 * hourly, 1000 * hosted(read, written, rate)
    return {
        "seconds_an_answer": statistics.fmean(answer.seconds for answer in answers),
        "processor_seconds_an_answer": busy,
        "tokens_read": read,
        "tokens_written": written,
        "here_per_1000_answers": here,
        "hosted_per_1000_answers": there,
        "saving_per_1000_answers": there - here,
        "answers_an_hour_to_break_even": 1000 * hourly / there if there else None,
        "answers": len(answers),
        "here_formula": f"1000 x {busy:.3f} CPU s / {cpus} CPUs / 3600 x {hourly:g} {rate.currency} per hour",
        "hosted_formula": f"1000 x ({read:.0f} x {rate.hosted_input:g} + {written:.0f} x {rate.hosted_output:g}) / 1e6",
    }


def hosted(read: float, written: float, rate: Costs) -> float:
    """What a hosted API takes for an answer of so many tokens, at its stated price."""
    return (read * rate.hosted_input + written * rate.hosted_output) / 1e6
