"""Fields that no backend here supports, with the values at which they ask for nothing: null and the defaults.

They are OpenAI's, and those that other servers add (vLLM, llama.cpp, Hugging Face). Clients and frameworks send these
values without having been told to, so they are accepted, as is any unknown field that is null. Any other value is an
error that names the field: nothing is ignored that would have changed the answer.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Empty = Annotated[list[Any], Field(max_length=0)]
EmptyMap = Annotated[dict[str, Any], Field(max_length=0)]
Zero = Annotated[FiniteFloat, Field(ge=0, le=0)]
One = Annotated[FiniteFloat, Field(ge=1, le=1)]


class RequestSchema(BaseModel):
    """Part of a request: unknown fields, unless they are null, and implicit conversions are errors."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, None]


class TextFormat(RequestSchema):
    """The one format of an answer."""

    type: Literal["text"]


class DefaultFields(RequestSchema):
    """Fields of a chat request, at the values that change nothing."""

    audio: None = None
    function_call: Literal["none", "auto"] | None = None
    functions: Empty | None = None
    logit_bias: EmptyMap | None = None
    logprobs: Literal[False] | None = None
    metadata: Annotated[dict[str, str | None], Field(max_length=16)] | None = Field(
        None, description="labels of a stored completion; nothing is stored under them"
    )
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    moderation: None = None
    parallel_tool_calls: bool | None = None
    prediction: None = None
    prompt_cache_key: str | None = Field(None, description="a hint for OpenAI's cache; no answer depends on it")
    prompt_cache_options: EmptyMap | None = None
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
    # of other servers
    add_generation_prompt: Literal[True] | None = None
    best_of: One | None = None
    chat_template_kwargs: EmptyMap | None = None
    echo: Literal[False] | None = None
    ignore_eos: Literal[False] | None = None
    length_penalty: One | None = None
    min_p: Zero | None = None
    min_tokens: Zero | None = None
    repetition_penalty: One | None = None
    skip_special_tokens: Literal[True] | None = None
    top_k: Annotated[FiniteFloat, Field(ge=-1, le=0)] | None = None
    typical_p: One | None = None
    use_beam_search: Literal[False] | None = None


class DefaultMessageFields(RequestSchema):
    """Fields of a message, at the values that say nothing: as a client appends an answer to its conversation."""

    annotations: Empty | None = None
    audio: None = None
    function_call: None = None
    name: str | None = Field(
        None, max_length=256, description="which of several users or assistants speaks; no model here is told"
    )
    refusal: None = None
    tool_calls: Empty | None = None


UNSUPPORTED = {*DefaultFields.model_fields, *DefaultMessageFields.model_fields}
