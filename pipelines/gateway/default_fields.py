"""OpenAI's fields that no backend here supports, with the values at which they ask for nothing: null and the defaults.

Clients and frameworks send these values without having been told to, so they are accepted. Any other value is an error
that names the field: nothing is ignored that would have changed the answer.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Empty = Annotated[list[Any], Field(max_length=0)]


class RequestSchema(BaseModel):
    """Part of a request: unknown fields and implicit conversions are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TextFormat(RequestSchema):
    """The one format of an answer."""

    type: Literal["text"]


class DefaultFields(RequestSchema):
    """Fields of a chat request, at the values that change nothing."""

    audio: None = None
    function_call: Literal["none", "auto"] | None = None
    functions: Empty | None = None
    logit_bias: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    logprobs: Literal[False] | None = None
    metadata: Annotated[dict[str, str | None], Field(max_length=16)] | None = Field(
        None, description="labels of a stored completion; nothing is stored under them"
    )
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    moderation: None = None
    parallel_tool_calls: bool | None = None
    prediction: None = None
    prompt_cache_key: str | None = Field(None, description="a hint for OpenAI's cache; no answer depends on it")
    prompt_cache_options: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None
    reasoning_effort: Literal["none", "medium"] | None = None
    response_format: TextFormat | None = None
    safety_identifier: str | None = Field(None, description="for OpenAI's abuse detection; not logged")
    service_tier: Literal["auto", "default"] | None = None
    store: Literal[False] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    tools: Empty | None = None
    top_logprobs: Literal[0] | None = None
    verbosity: Literal["medium"] | None = None
    web_search_options: None = None


class DefaultMessageFields(RequestSchema):
    """Fields of a message, at the values that say nothing: as a client appends an answer to its conversation."""

    annotations: Empty | None = None
    audio: None = None
    function_call: None = None
    name: None = None
    refusal: None = None
    tool_calls: Empty | None = None


UNSUPPORTED = {*DefaultFields.model_fields, *DefaultMessageFields.model_fields}
