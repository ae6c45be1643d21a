"""`weaver chat`: a conversation with the champion in the terminal."""

import typer

from pipelines.cli.ask import Answer, Model, talking, typed
from pipelines.cli.console import out

app = typer.Typer()


@app.command()
def chat(model: Model) -> None:
    """Talk with the champion; put a vehicle's record on the line below the question, as `\\n`. An empty line ends."""
    with talking() as client:
        client.models.retrieve(model)
    out.print("[dim]An empty line ends.[/]")
    messages: list[dict[str, str]] = []
    while text := typer.prompt("you", default="", show_default=False).strip():
        messages.append({"role": "user", "content": typed(text)})
        messages.append({"role": "assistant", "content": Answer(model, messages).say()})
