"""`make bench B=serve`: every figure of the documentation is measured here."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json, reserve_stdout
from pipelines.core.errors import WeaverError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure the figures of the README."""


@app.command()
def train(
    steps: Annotated[
        int | None, typer.Option(min=4, show_default="12; 16 with --base", help="Optimiser steps a side.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(metavar="random-7b", help="A base with random weights made on the spot, for a GPU.")
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="long|short", help="With --base: rows of 60 to 500 tokens (as if not given), or 50 to 80."
        ),
    ] = None,
    peer: Annotated[
        str | None,
        typer.Option(metavar="plain|unsloth", help="With --base: measured beside trl (as if not given), or unsloth."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Our training beside a plain trl script: same data, tokens and quantisation, one process each, in turn."""
    from tests.bench import train, train_gpu

    if base is None and (rows or peer):
        raise WeaverError("--rows and --peer need --base", "Add --base random-7b, on a machine with a GPU.")
    if base is None:
        print_figures(lambda: train.run(steps or 12), as_json)
    else:
        print_figures(lambda: train_gpu.run(base, rows or "long", peer or "plain", steps or 16), as_json)


@app.command()
def refine(
    rows: Annotated[int, typer.Option(min=0, help="Rows to refine; 0 takes all 258,145.")] = 0, as_json: AsJson = False
) -> None:
    """The whole refinement of real conversations: rows per second, memory, and near-duplicates beside plain rensa."""
    from tests.bench.refine import run

    print_figures(lambda: run(rows), as_json)


@app.command()
def pii(as_json: AsJson = False) -> None:
    """Personal data found in made-up dealership texts and real newsgroup posts: recall, precision, rows per second."""
    from tests.bench.pii import run

    print_figures(run, as_json)


@app.command()
def duplicates(
    pairs: Annotated[Path | None, typer.Option(help="A .jsonl file of pairs: a, b, same, how.")] = None,
    as_json: AsJson = False,
) -> None:
    """Changed copies of real rows that are found, leaks that are found, real pairs that are taken for one."""
    from tests.bench.duplicates import run

    print_figures(lambda: run(pairs), as_json)


@app.command()
def relevance(as_json: AsJson = False) -> None:
    """How well and how fast the distilled word vectors judge what is on topic, beside the embedder they come from."""
    from tests.bench.relevance import run

    print_figures(run, as_json)


@app.command()
def knowledge(
    chunks: Annotated[int, typer.Option(min=5000, help="Passages of the index whose speed is measured.")] = 100_000,
    as_json: AsJson = False,
) -> None:
    """What is found by words, by meaning, by both and with exact keys; milliseconds per search; how fresh it stays."""
    from tests.bench.knowledge import run

    print_figures(lambda: run(chunks), as_json)


@app.command("refine_quality")
def refine_quality(as_json: AsJson = False) -> None:
    """How often each refinement step is right that drops rows: on rows labelled by hand, on the kits' own, on posts."""
    from tests.bench.refine_quality import run

    print_figures(run, as_json)


@app.command()
def validate(
    rows: Annotated[int, typer.Option(min=500, help="Rows to hold to the contract.")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """The contract stage over a million rows: seconds in a fresh process, rows per second, memory."""
    from tests.bench.validate import run

    print_figures(lambda: run(rows), as_json)


@app.command()
def gate(
    challengers: Annotated[int, typer.Option(min=50, help="Made-up challengers a number of questions.")] = 600,
    plot: Annotated[
        Path | None, typer.Option(help="Where the picture goes; bench/gate.png in WEAVER_HOME if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """False promotions and missed improvements of the gate, beside the rule that a challenger score no lower."""
    from tests.bench.gate import run

    print_figures(lambda: run(challengers, plot), as_json)


@app.command()
def drift(
    windows: Annotated[int, typer.Option(min=5, help="Windows of each kind in which nothing moves.")] = 1_000,
    plot: Annotated[
        Path | None, typer.Option(help="Where the picture goes; bench/drift.png in WEAVER_HOME if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What fires from the EPA's guides of 2012 to 2021, false alarms where nothing moves, days to detection."""
    from tests.bench.drift import run

    print_figures(lambda: run(windows, plot), as_json)


@app.command()
def cache(
    write: Annotated[
        bool, typer.Option("--write", help="Keep the verified thresholds where the cache finds them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """False hits and true hits of the semantic cache, a template; the exact cache beside it; how long a look takes."""
    from tests.bench.cache import run

    print_figures(lambda: run(write), as_json)


@app.command()
def serve(
    requests: Annotated[int, typer.Option(min=8, help="Questions of the mix, as of a day at the counter.")] = 3_000,
    plot: Annotated[
        Path | None, typer.Option(help="Where the picture goes; bench/serve.png in WEAVER_HOME if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The gateway's overhead beside MLflow's, throughput, waits, and short questions answered within 100 ms."""
    from tests.bench.serve import run

    print_figures(lambda: run(requests, plot), as_json)


@app.command()
def serve_chaos(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long to keep asking.")] = 30,
    switch: Annotated[bool, typer.Option("--switch", help="Let two versions take turns meanwhile.")] = False,
    as_json: AsJson = False,
) -> None:
    """Steady requests while llama.cpp and Triton are killed in turn, one a minute: what is lost, late or wrong."""
    from tests.bench.serve_chaos import run

    print_figures(lambda: run(minutes, switch), as_json)


@app.command()
def feedback(
    populations: Annotated[int, typer.Option(min=1, help="Made-up populations of 27 people each, twice.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Poisoners caught and honest people wronged by the sifting of feedback, in made-up populations of known truth."""
    from tests.bench.feedback import run

    print_figures(lambda: run(populations), as_json)


@app.command()
def judge(
    pairs: Annotated[int, typer.Option(min=4, help="Pairs of answers whose better one is known.")] = 60,
    as_json: AsJson = False,
) -> None:
    """The judge's agreement with known labels: facts alone, its model alone, both; and the model's position bias."""
    from tests.bench.judge import run

    print_figures(lambda: run(pairs), as_json)


@app.command()
def dpo(
    rows: Annotated[int, typer.Option(min=8, help="Rows of the training before it.")] = 128,
    rate: Annotated[list[float] | None, typer.Option(help="A learning rate to try; may be given again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Preference training on pairs made from records: its effect on unseen pairs and on answers."""
    from tests.bench.dpo import run

    print_figures(lambda: run(rows, tuple(rate or [5e-5])), as_json)


@app.command()
def estimate(
    steps: Annotated[int, typer.Option(min=8, help="Optimiser steps a round.")] = 16,
    write: Annotated[bool, typer.Option("--write", help="Keep the figures where estimates find them.")] = False,
    as_json: AsJson = False,
) -> None:
    """How far the estimate of a training is off after a calibration; speed and memory that first estimates scale."""
    from tests.bench.estimate import run

    print_figures(lambda: run(steps, write), as_json)


@app.command()
def costs(
    steps: Annotated[int, typer.Option(min=4, help="Optimiser steps a side.")] = 8,
    questions: Annotated[int, typer.Option(min=8, help="Held-out questions that are answered.")] = 40,
    as_json: AsJson = False,
) -> None:
    """QLoRA beside full fine-tuning, and 1,000 answers beside a hosted API at its stated price; with the formulas."""
    from tests.bench.costs import run

    print_figures(lambda: run(steps, questions), as_json)


@app.command()
def answers(template: Template, as_json: AsJson = False) -> None:
    """Questions of people to the champion: right, declined, or wrong and confident, by kind of question."""
    from tests.bench.answers import run

    print_figures(lambda: run(template), as_json)


@app.command()
def quantise(
    template: Template,
    questions: Annotated[int, typer.Option(min=10, help="Held-out questions that each form answers.")] = 60,
    as_json: AsJson = False,
) -> None:
    """The champion in int8 and in int4: seconds per answer, and the score; kept for `weaver advise`."""
    from tests.bench.quantise import run

    print_figures(lambda: run(template, questions), as_json)


@app.command()
def loop(
    days: Annotated[int, typer.Option(min=3, help="Days before the shift and after it; a day takes a minute.")] = 3,
    plot: Annotated[
        Path | None, typer.Option(help="Where the picture goes; bench/loop.png in WEAVER_HOME if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The subject of questions shifts, drift starts a retraining, Airflow is killed: a better model answers anyway."""
    from tests.bench.loop import run

    print_figures(lambda: run(days, plot), as_json)


def print_figures(run: Callable[[], dict[str, Any]], as_json: bool) -> None:
    """Run a bench, and show its figures."""
    if as_json:
        reserve_stdout()
    figures = run()
    table = Table("figure", "value", box=None)
    for name, value in figures.items():
        table.add_row(name, f"{value:.3g}" if isinstance(value, float) else str(value))
    out.print(table)
    if as_json:
        print_json(figures)


if __name__ == "__main__":
    from pipelines.cli.main import run_app

    run_app(app)
