"""`weaver chat`: the champion answers in the terminal."""

from collections.abc import Iterable
from typing import Annotated

import typer

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.templates import load_template, make_plan

app = typer.Typer()


@app.command()
def chat(
    template: Template,
    question: Annotated[list[str] | None, typer.Argument(help="Ask this one question and leave.")] = None,
    as_json: AsJson = False,
) -> None:
    """Talk with the champion; put a vehicle's record on the line below the question, as `\\n`, or pipe it in."""
    from pipelines.serving.answer import Advisor
    from pipelines.serving.pointer import deployed

    deployment = deployed(template)
    if not question:
        out.print(f"[dim]{load_template(template).title}, version {deployment.version}. An empty line ends.[/]")
    with out.status("loading the champion"):
        plan = make_plan(template)
        advisor = Advisor(deployment, plan.system_prompt, plan.evaluate.max_new_tokens)
    if question:
        text = " ".join(question).replace("\\n", "\n")
        if as_json:
            answer = "".join(advisor.stream(text)).strip()
            print_json({"question": text, "answer": answer, "version": deployment.version})
        else:
            say(advisor.stream(text))
        return
    while text := typer.prompt("you", default="", show_default=False).strip():
        say(advisor.stream(text.replace("\\n", "\n")))


def say(pieces: Iterable[str]) -> None:
    for piece in pieces:
        print(piece, end="", flush=True)
    print()
