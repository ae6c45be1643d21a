"""The sections on serving: where the champion is deployed, and how the gateway routes its requests."""

from typing import Literal

from pydantic import Field

from pipelines.core.plan.section import Section

BackendName = Literal["llama_cpp", "triton", "vllm", "tensorrt_llm"]
GGUF = {"llama_cpp", "triton"}  # the backends that serve a GGUF file; the others take safetensors


class Deployment(Section):
    """Where the champion is deployed, in which form, and what it must pass before it gets all of the traffic."""

    backends: list[BackendName] = Field(
        ["llama_cpp", "triton"],
        description="backends that the champion is loaded on; each is a fallback for the others; empty: publish only",
    )
    quantisation: Literal["int8", "int4", "bf16"] = Field("int8", description="format of the weights that are served")
    context: int = Field(2048, ge=64, description="context window: tokens of a prompt and its answer")
    parallel: int = Field(4, ge=1, description="requests that a backend processes at the same time; more are queued")
    threads: int = Field(1, ge=1, description="CPU threads of a backend")
    golden_questions: int = Field(
        10, ge=0, description="held-out questions that a backend must answer as well as at the evaluation"
    )
    min_golden_share: float = Field(0.8, ge=0, le=1, description="share of the golden questions that must pass")
    max_seconds: float = Field(
        10.0, gt=0, description="highest allowed 95th percentile of an answer's latency, seconds"
    )
    traffic_ramp: list[float] = Field(
        [0.05, 0.5, 1.0], min_length=1, description="shares of the traffic that a new version gets, step by step"
    )
    ramp_step_seconds: float = Field(
        5.0, ge=0, description="how long each step of the traffic ramp is observed, seconds"
    )
    max_error_rate: float = Field(
        0.02, ge=0, le=1, description="share of a step's requests that may fail; above it the version is rolled back"
    )


class Serving(Section):
    """How the gateway routes the template's requests; a change takes effect within seconds and retrains nothing."""

    backend_preference: Literal["cheapest", "fastest", "first"] = Field(
        "cheapest", description="which of the backends within the limits below is used; first: in the plan's order"
    )
    max_latency: float = Field(
        5.0, gt=0, description="highest allowed p95 latency of a backend, seconds; a slower one is a fallback"
    )
    min_score: float = Field(0.0, ge=0, le=1, description="held-out score that a version needs to be routed to")
    max_queue: int = Field(32, ge=0, description="requests that may wait; further ones get HTTP 429")
    timeout: float = Field(60.0, gt=0, description="seconds after which a request ends with HTTP 504")
    max_prompt_chars: int = Field(8_000, ge=1, description="longest allowed conversation, characters")
    max_new_tokens: int = Field(256, ge=1, description="longest allowed answer, tokens, whatever the client asks for")
    retry_share: float = Field(0.1, ge=0, le=1, description="retry budget: retries as a share of requests")
    cache: Literal["off", "exact", "semantic"] = Field("exact", description="response cache")
    cache_hours: float = Field(24, gt=0, description="how long a cached answer may be used, hours")
    semantic_threshold: float = Field(
        0.0,
        ge=0,
        le=1,
        description="lowest cosine similarity of a semantic hit; 0: as verified by `make bench B=cache`",
    )
