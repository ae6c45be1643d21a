"""Request and response bodies: OpenAI's chat completions.

A field that no backend here supports is accepted at the values that ask for nothing (`default_fields`); any other value
is an error that names the field.
"""

import time
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pipelines.core.routes import ServedVersion
from pipelines.gateway.default_fields import DefaultFields, DefaultMessageFields, RequestSchema
from pipelines.text.chat_format import neutralise_message
from pipelines.text.passages import Passage

MAX_MESSAGES = 256


class TextPart(RequestSchema):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


class Message(DefaultMessageFields):
    """One message of the conversation."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"role": {"const": "assistant"}}},
                {"properties": {"content": {"type": ["string", "array"]}}},
            ]
        }
    )

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = Field(description="null only where an assistant said nothing")

    @field_validator("content")
    @classmethod
    def check_content(cls, content: str | list[TextPart] | None, info: ValidationInfo) -> str | list[TextPart]:
        """A text, or parts of it; the null of an assistant's message, as OpenAI sends it, is an empty text."""
        if content is None and info.data.get("role") != "assistant":
            raise PydanticCustomError("string_type", "Input should be a valid string")
        return content or ""

    def for_engine(self) -> dict[str, str]:
        """The message as every engine's chat template takes it: one text; developer becomes system."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(RequestSchema):
    """What a stream has besides the pieces."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = Field(None, description="padding of OpenAI's streams; there is none here")


def float_to_int(value: Any) -> Any:
    """JSON has one kind of number: 8.0 is an integer there."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Tokens = Annotated[int, Field(ge=1), BeforeValidator(float_to_int)]
Penalty = Annotated[FiniteFloat, Field(ge=-2, le=2)]


class ChatRequest(DefaultFields):
    """The body of POST /v1/chat/completions."""

    model: str = Field(
        max_length=200,
        description="a template (service_advisor), or one of its versions (service_advisor-v3)",
        examples=["service_advisor"],
    )
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_tokens: Tokens | None = Field(
        None, description="limited by the template's serving.max_new_tokens; max_completion_tokens is its newer name"
    )
    max_completion_tokens: Tokens | None = None
    temperature: Annotated[FiniteFloat, Field(ge=0, le=2)] | None = Field(None, description="default 0")
    top_p: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(float_to_int)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    n: Annotated[int, Field(ge=1, le=1), BeforeValidator(float_to_int)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = Field(
        None, max_length=512, description="a user stays with one version while shares stay; logged as a hash"
    )

    @model_validator(mode="before")
    @classmethod
    def leave_out_tools(cls, body: Any) -> Any:
        """With `tool_choice: none` no tool may be called, so that it does not matter which there are."""
        if isinstance(body, dict) and body.get("tool_choice") == "none":
            return {name: value for name, value in body.items() if name != "tools"}
        return body

    def conversation(self) -> list[dict[str, str]]:
        """The messages, for an engine."""
        return [message.for_engine() for message in self.messages]

    def for_backend(self, version: ServedVersion, max_tokens: int) -> dict[str, Any]:
        """The request to a backend: with the version's system prompt, and at most `max_tokens` new tokens.

        No text in it, whoever wrote it, can end its turn or begin another one.
        """
        messages = self.conversation()
        if all(message["role"] != "system" for message in messages):
            messages.insert(0, {"role": "system", "content": version.system_prompt})
        requested = [n for n in (self.max_tokens, self.max_completion_tokens) if n]
        sampling = ("top_p", "seed", "stop", "frequency_penalty", "presence_penalty")
        return {
            "model": model_id(version),
            "messages": [neutralise_message(message, version.control_tokens) for message in messages],
            "max_tokens": min([*(requested or [version.max_new_tokens]), max_tokens]),
            "temperature": self.temperature or 0.0,
            **{name: value for name in sampling if (value := getattr(self, name)) is not None},
            "stream": True,
            "stream_options": {"include_usage": True},
        }


class Usage(BaseModel):
    """Token counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AssistantMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"]
    content: str


class Choice(BaseModel):
    """The one answer of a completion."""

    index: int
    message: AssistantMessage
    finish_reason: str


class Citation(BaseModel):
    """A passage of the knowledge base that an answer rests on."""

    id: str = Field(description="stays the same while the passage is corrected or its document replaced")
    title: str
    source: str = Field(description="the document, or the package and file of a kit's record")
    page: int | None = Field(description="of a document with pages, from 1")
    passage: str = Field(description="its text")


class ChatCompletionResponse(BaseModel):
    """The complete answer."""

    id: str
    object: Literal["chat.completion"]
    created: int = Field(description="epoch seconds")
    model: str = Field(description="the version that answered")
    choices: list[Choice]
    usage: Usage
    citations: list[Citation] = Field(
        description="NeuroWeaver's: what was looked up and the answer rests on; empty where the question brought its "
        "record. A stream has it in its last chunk."
    )
    declined: bool = Field(description="NeuroWeaver's: no record has what was asked, and the answer says so")


class Model(BaseModel):
    """A template or a version, as OpenAI's model object."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="epoch seconds of its last deployment")
    owned_by: str = "neuroweaver"


class ModelList(BaseModel):
    """Every model that the key may use."""

    object: Literal["list"] = "list"
    data: list[Model]


class FeedbackRequest(RequestSchema):
    """A person's feedback on an answer: at least one of thumb, correction and comment."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [field], "properties": {field: {"type": "string"}}}
                for field in ("thumb", "correction", "comment")
            ]
        }
    )

    id: str = Field(max_length=100, description="the completion's id, chatcmpl-…")
    thumb: Literal["up", "down"] | None = None
    correction: str | None = Field(None, max_length=8_000, description="the answer that would have been right")
    comment: str | None = Field(None, max_length=8_000)
    user: str | None = Field(
        None, max_length=512, description="who gives the feedback, if not the user of the request; logged as a hash"
    )


class FeedbackReceipt(BaseModel):
    """The feedback was stored."""

    id: str
    object: Literal["feedback"] = "feedback"


class Health(BaseModel):
    """ok, ready, or the reason why not."""

    status: str


def model_id(version: ServedVersion) -> str:
    """A version's public model name: service_advisor-v3."""
    return f"{version.name}-v{version.version}"


def make_usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def make_completion(id: str, model: str, text: str, finish_reason: str, usage: dict[str, int]) -> dict[str, Any]:
    """OpenAI's chat.completion object."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    head = {"id": id, "object": "chat.completion", "created": int(time.time()), "model": model}
    return {**head, "choices": [choice], "usage": usage}


def make_citations(passages: Iterable[Passage]) -> list[dict[str, Any]]:
    """The `citations` of an answer."""
    return [
        Citation(id=one.id, title=one.title, source=one.source, page=one.page or None, passage=one.text).model_dump()
        for one in passages
    ]


def make_chunk(
    id: str, model: str, created: int, delta: dict[str, str], finish_reason: str | None = None
) -> dict[str, Any]:
    """OpenAI's chat.completion.chunk object."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [choice]}
