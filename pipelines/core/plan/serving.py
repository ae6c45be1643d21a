"""The sections on serving: where the champion answers, and how the gateway answers for it."""

from typing import Literal

from pydantic import Field

from pipelines.core.plan.section import Section

BackendName = Literal["llama_cpp", "triton", "vllm", "tensorrt_llm"]
GGUF = {"llama_cpp", "triton"}  # the backends that serve a GGUF file; the others take safetensors


class Deployment(Section):
    """Where the champion answers, in which form, and what it must show before all traffic goes to it."""

    backends: list[BackendName] = Field(
        ["llama_cpp", "triton"], description="each gets the champion, and stands in for the others; none: publish only"
    )
    quantisation: Literal["int8", "int4", "bf16"] = Field("int8", description="of the weights that are served")
    context: int = Field(2048, ge=64, description="tokens of a prompt and its answer")
    parallel: int = Field(4, ge=1, description="requests that a backend works on at a time; more wait")
    threads: int = Field(1, ge=1, description="CPU threads of a backend")
    golden: int = Field(10, ge=0, description="held-out questions that a backend must answer as at the evaluation")
    min_golden: float = Field(0.8, ge=0, le=1, description="share of them that must come out as good")
    max_seconds: float = Field(10.0, gt=0, description="a golden answer's 95th percentile on the backend")
    shift: list[float] = Field([0.05, 0.5, 1.0], min_length=1, description="shares of the traffic, step by step")
    shift_seconds: float = Field(5.0, ge=0, description="how long each step is watched")
    max_errors: float = Field(0.02, ge=0, le=1, description="share of a step's requests that may fail; more roll back")


class Serving(Section):
    """How the gateway answers for the template; a change is in force within seconds, and retrains nothing."""

    prefer: Literal["cheapest", "fastest", "first"] = Field(
        "cheapest", description="which backend, of those that meet the limits below; first: in the plan's order"
    )
    max_latency: float = Field(5.0, gt=0, description="seconds, p95; a slower backend is asked when no other can")
    min_score: float = Field(0.0, ge=0, le=1, description="held-out score that a version must have had")
    waiting: int = Field(32, ge=0, description="requests that may wait; more are told to come again (429)")
    timeout: float = Field(60.0, gt=0, description="seconds until a request is given up (504)")
    max_prompt_chars: int = Field(8_000, ge=1, description="longer conversations are refused")
    max_new_tokens: int = Field(256, ge=1, description="an answer's most tokens, whatever is asked for")
    retry_share: float = Field(0.1, ge=0, le=1, description="retries, as a share of requests: the retry budget")
    cache: Literal["off", "exact", "semantic"] = "exact"
    cache_hours: float = Field(24, gt=0)
    semantic_threshold: float = Field(
        0.0, ge=0, le=1, description="similarity from which questions are one; 0: as `make bench B=cache` verified"
    )
