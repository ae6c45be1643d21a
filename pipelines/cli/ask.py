"""`weaver ask`: one question to the gateway; and how every verb talks to it."""

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.console import AsJson, out, print_json
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings
from pipelines.text.terminal import make_visible, styled

if TYPE_CHECKING:
    from openai import OpenAI

app = typer.Typer()

Model = Annotated[
    str, typer.Argument(metavar="TEMPLATE", help="A template, or one of its versions: service_advisor-v3.")
]
Question = Annotated[list[str], typer.Argument(help="The question; a record goes on the line below it, as \\n.")]


@app.command()
def ask(model: Model, question: Question, as_json: AsJson = False) -> None:
    """Ask the champion one question."""
    text, began = unescape_newlines(" ".join(question)), time.monotonic()
    if not text.strip():
        raise typer.BadParameter("the question is empty")
    answer = Answer(model, [{"role": "user", "content": text}])
    if not as_json:
        answer.stream_to_terminal()
        print_sources(answer.citations)
        out.print(answer.route, style="dim", highlight=False, soft_wrap=True)
        return
    result = {"question": text, "answer": "".join(answer).strip(), "version": int(answer.model.rpartition("-v")[2])}
    result |= {"citations": answer.citations, "declined": answer.declined}
    print_json(result | {"id": answer.id, "route": answer.route, "seconds": round(time.monotonic() - began, 3)})


class Answer:
    """The answer to a conversation, piece by piece; its `id`, `model` and `route` are known with the first.

    `citations` (what it rests on: id, title, source, page, passage) and `declined` are known with the last.
    """

    def __init__(self, model: str, messages: list[dict[str, str]]) -> None:
        self.requested_model, self.messages = model, messages
        self.id = self.model = self.route = ""
        self.citations: list[dict[str, Any]] = []
        self.declined = False

    def __iter__(self) -> Iterator[str]:
        with gateway_client() as client:
            raw = client.chat.completions.with_raw_response.create(
                model=self.requested_model,
                messages=self.messages,  # type: ignore[arg-type]
                stream=True,
                user=getpass.getuser(),
            )
            self.route = raw.headers.get("x-weaver-route", "")
            chunks: Any = raw.parse()
            for chunk in chunks:
                self.id, self.model = chunk.id, chunk.model
                extension = chunk.model_extra or {}
                self.citations = extension.get("citations", self.citations)
                self.declined = extension.get("declined", self.declined)
                for choice in chunk.choices:
                    yield choice.delta.content or ""

    def stream_to_terminal(self) -> str:
        """Print it as it comes, and return it."""
        pieces = []
        for piece in self:
            pieces.append(piece)
            print(make_visible(piece), end="", flush=True)
        print()
        return "".join(pieces)


def print_sources(citations: list[dict[str, Any]]) -> None:
    """Print what an answer rests on, below it."""
    for citation in citations:
        page = f", page {citation['page']}" if citation["page"] else ""
        title = citation["title"] or citation["id"]
        out.print(styled("source: ", (title, "bold"), f"  {citation['source']}{page}"), style="dim", soft_wrap=True)


@contextmanager
def gateway_client() -> "Iterator[OpenAI]":
    """The official client, signed in with this machine's key.

    Raises:
        Unavailable: no gateway listens.
        WeaverError: it refused; with its words.
    """
    import openai

    url = settings().gateway_url
    try:
        key = settings().secret("gateway")
    except FileNotFoundError as error:
        raise Unavailable("the gateway has not been started yet", "Start it with `weaver up`.") from error
    try:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=1) as client:
            yield client
    except openai.APIConnectionError as error:
        raise Unavailable(f"no gateway answers at {url}", "Start it with `weaver up`, or `weaver serve`.") from error
    except openai.APIError as error:
        remedy = (
            "Deploy one with `weaver run`; `weaver status` shows what runs." if error.code == "model_not_found" else ""
        )
        raise WeaverError(f"the gateway refused: {error.message}", remedy) from error


def unescape_newlines(text: str) -> str:
    """What was typed, where a backslash and an n begin a new line."""
    return text.replace("\\n", "\n")
