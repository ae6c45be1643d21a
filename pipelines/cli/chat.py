"""`weaver chat`: a conversation with the champion in the terminal."""

import typer

from pipelines.cli.ask import Answer, Model, gateway_client, print_sources, unescape_newlines
from pipelines.cli.console import out

app = typer.Typer()


@app.command()
def chat(model: Model) -> None:
    """Talk with the champion; your own record goes on the line below the question, as `\\n`. An empty line ends."""
    with gateway_client() as client:
        client.models.retrieve(model)
    out.print("An empty line ends.", style="dim")
    messages: list[dict[str, str]] = []
    while text := typer.prompt("you", default="", show_default=False).strip():
        messages.append({"role": "user", "content": unescape_newlines(text)})
        answer = Answer(model, messages)
        messages.append({"role": "assistant", "content": answer.stream_to_terminal()})
        print_sources(answer.citations)
