"""What clients send and get: OpenAI's chat completions, without what no backend here can do.

A field that is not honoured is refused by its name, never left out in silence.
"""

import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from pipelines.core.routes import ServedVersion

MOST_MESSAGES = 256


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TextPart(Sent):
    type: Literal["text"]
    text: str


class Message(Sent):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        """As every engine's chat template takes it."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(Sent):
    include_usage: bool = False


def whole(value: Any) -> Any:
    """JSON knows one kind of number: 8.0 is an integer there."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Tokens = Annotated[int, Field(ge=1), BeforeValidator(whole)]
Penalty = Annotated[FiniteFloat, Field(ge=-2, le=2)]


class ChatRequest(Sent):
    model: str = Field(
        max_length=200,
        description="a template (service_advisor), or one of its versions (service_advisor-v3)",
        examples=["service_advisor"],
    )
    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)
    max_tokens: Tokens | None = Field(
        None, description="the template's policy caps it; so does max_completion_tokens, its newer name"
    )
    max_completion_tokens: Tokens | None = None
    temperature: Annotated[FiniteFloat, Field(ge=0, le=2)] | None = Field(None, description="0 if nothing is said")
    top_p: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(whole)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    n: Annotated[int, Field(ge=1, le=1), BeforeValidator(whole)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = Field(
        None, max_length=512, description="the same user keeps the same version while traffic shifts; logged hashed"
    )

    def conversation(self) -> list[dict[str, str]]:
        return [message.plain() for message in self.messages]

    def for_backend(self, model_version: ServedVersion, most_tokens: int) -> dict[str, Any]:
        """The request as a version is asked it: with its system prompt, and no more tokens than it may have."""
        messages = self.conversation()
        if all(message["role"] != "system" for message in messages):
            messages.insert(0, {"role": "system", "content": model_version.system_prompt})
        wanted = [n for n in (self.max_tokens, self.max_completion_tokens) if n]
        sampling = ("top_p", "seed", "stop", "frequency_penalty", "presence_penalty")
        return {
            "model": model_id(model_version),
            "messages": messages,
            "max_tokens": min([*(wanted or [model_version.max_new_tokens]), most_tokens]),
            "temperature": self.temperature or 0.0,
            **{name: value for name in sampling if (value := getattr(self, name)) is not None},
            "stream": True,
            "stream_options": {"include_usage": True},
        }


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Answer(BaseModel):
    role: Literal["assistant"]
    content: str


class Choice(BaseModel):
    index: int
    message: Answer
    finish_reason: str


class Completion(BaseModel):
    """The answer, whole."""

    id: str
    object: Literal["chat.completion"]
    created: int = Field(description="epoch seconds")
    model: str = Field(description="the version that answered")
    choices: list[Choice]
    usage: Usage


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="epoch seconds of its last deployment")
    owned_by: str = "neuroweaver"


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class FeedbackRequest(Sent):
    """What a person thinks of an answer: at least one of the three."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [said]} for said in ("thumb", "correction", "comment")]}
    )

    id: str = Field(max_length=100, description="the answer's id, chatcmpl-…")
    thumb: Literal["up", "down"] | None = None
    correction: str | None = Field(None, max_length=8_000, description="what it should have said")
    comment: str | None = Field(None, max_length=8_000)
    user: str | None = Field(
        None, max_length=512, description="who says it, if not whoever asked; logged hashed, and trusted one by one"
    )


class Thanks(BaseModel):
    id: str
    object: Literal["feedback"] = "feedback"


class Health(BaseModel):
    status: str


def model_id(model_version: ServedVersion) -> str:
    return f"{model_version.name}-v{model_version.version}"


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def completion(id: str, model: str, text: str, finish_reason: str, used: dict[str, int]) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    head = {"id": id, "object": "chat.completion", "created": int(time.time()), "model": model}
    return {**head, "choices": [choice], "usage": used}


def chunk(id: str, model: str, created: int, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [choice]}
