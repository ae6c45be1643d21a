"""`weaver serve`: the gateway, in this terminal; `weaver up` keeps one running in the background."""

import shlex

import typer

from pipelines.cli.console import Template
from pipelines.core.make_plan import make_plan
from pipelines.stack import credentials

app = typer.Typer()


@app.command()
def serve() -> None:
    """Run the gateway in this terminal; SIGTERM lets the requests in flight finish."""
    from pipelines.gateway.app import serve

    credentials.create_missing()
    serve()


@app.command()
def vllm(template: Template) -> None:
    """Prepare the base model for your own vLLM server, and print how to start that server."""
    from pipelines.clients.backends.vllm import ENVIRONMENT, server_command
    from pipelines.training.base_model import prepare_dequantised_base

    plan = make_plan(template)
    variables = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
    print(f"{variables} VLLM_API_KEY=… {shlex.join(server_command(plan, prepare_dequantised_base(plan.base)))}")
