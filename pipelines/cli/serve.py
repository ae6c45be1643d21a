"""`weaver serve`: the gateway, in this terminal; `weaver up` keeps one running in the background."""

import typer

from pipelines.stack import keys

app = typer.Typer()


@app.command()
def serve() -> None:
    """Answer requests at the gateway's port until the end; SIGTERM lets what is in flight finish."""
    from pipelines.serving.gateway.app import serve

    keys.make()
    serve()
