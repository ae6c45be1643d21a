"""`weaver serve`: the gateway, in this terminal; `weaver up` keeps one running in the background."""

import shlex

import typer

from pipelines.cli.console import Template
from pipelines.core.make_plan import make_plan
from pipelines.stack import credentials

app = typer.Typer()


@app.command()
def serve() -> None:
    """Answer requests at the gateway's port until the end; SIGTERM lets what is in flight finish."""
    from pipelines.gateway.app import serve

    credentials.make()
    serve()


@app.command()
def vllm(template: Template) -> None:
    """Make the base ready that a vLLM server of yours must hold, and print how that server is started."""
    from pipelines.clients.backends.vllm import ENVIRONMENT, command
    from pipelines.training.base_model import prepare_dequantised_base

    plan = make_plan(template)
    variables = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
    print(f"{variables} VLLM_API_KEY=… {shlex.join(command(plan, prepare_dequantised_base(plan.base)))}")
