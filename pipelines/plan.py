"""The TrainingPlan: everything one run does, merged, validated once, and frozen."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from pipelines.files import digest


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Contract(Section):
    """What a row must be before anything is trained on it."""

    min_rows: int = Field(500, ge=1, description="fewer rows than this stop the run")
    min_topics: int = Field(2, ge=1, description="a dataset of one topic teaches one answer")
    topics: list[str] = Field(default_factory=list, description="the topics a row may have; empty allows any")
    max_instruction_chars: int = Field(400, ge=1)
    max_input_chars: int = Field(800, ge=0)
    max_output_chars: int = Field(800, ge=1)


class Data(Section):
    source: str = Field(description="a kit's dataset builder (automotive.service_advisor) or the path of a .jsonl file")


Step = Literal[
    "normalise",
    "personal",
    "language",
    "length",
    "repetition",
    "exact_duplicates",
    "near_duplicates",
    "relevance",
    "answers",
    "quality",
    "sample",
]


class Refine(Section):
    steps: list[Step] = Field(list(get_args(Step)), description="the refinement steps that run, in this order")
    engine: Literal["local", "ray"] = Field("local", description="ray: the same steps on Ray Data, over many machines")
    batch_rows: int = Field(10_000, ge=1, description="rows in memory at a time, a process")
    language: str = Field("en", description="rows that are surely in another go (ISO 639-1)")
    min_instruction_chars: int = Field(3, ge=0)
    max_instruction_chars: int = Field(2_000, ge=1)
    max_input_chars: int = Field(8_000, ge=0)
    min_output_chars: int = Field(1, ge=0)
    max_output_chars: int = Field(4_000, ge=1)
    max_repetition: float = Field(0.5, ge=0, le=1, description="share of an answer's trigrams that occurred before")
    relevance: float = Field(0.08, ge=-1, le=1, description="drop rows less like the sample questions; -1 drops none")
    min_quality: float = Field(0.0, ge=0, le=1, description="drop rows of a lower quality score; 0 drops none")
    rows: int = Field(0, ge=0, description="keep only this many rows, evenly over topics; 0 keeps all")
    near_duplicate: float = Field(0.9, gt=0, le=1, description="Jaccard similarity from which two rows are one")
    heldout_share: float = Field(0.2, gt=0, lt=1, description="share of groups kept for evaluation")
    seed: int = 17


Treatment = Literal["drop", "mask", "pseudonymise", "keep"]


class Privacy(Section):
    """What becomes of each kind of personal data: drop the row, mask it, put a consistent stand-in, or keep it."""

    ssn: Treatment = Field("drop", description="social security numbers and ITINs")
    card: Treatment = Field("drop", description="payment cards")
    account: Treatment = Field("drop", description="bank accounts and routing numbers")
    licence: Treatment = Field("drop", description="driver's licences")
    birth_date: Treatment = "mask"
    income: Treatment = "mask"
    employer: Treatment = "mask"
    name: Treatment = "pseudonymise"
    address: Treatment = "pseudonymise"
    email: Treatment = "pseudonymise"
    phone: Treatment = "pseudonymise"
    plate: Treatment = Field("pseudonymise", description="licence plates")
    vin: Treatment = Field(
        "pseudonymise", description="a stand-in is a valid VIN of the same make, model, year and plant"
    )


class Base(Section):
    model: str = Field("smollm2-135m", description="smollm2-135m (packaged), a local folder, or a hub id")
    quantisation: Literal["nf4", "none"] = "nf4"
    double_quantisation: bool = True
    compute_dtype: Literal["float32", "bfloat16"] = "float32"


class Train(Section):
    learning_rate: float = Field(1e-3, gt=0, le=0.1)
    epochs: float = Field(1, gt=0)
    max_steps: int = Field(-1, ge=-1, description="stop after this many optimiser steps; -1 trains the epochs")
    batch_size: int = Field(8, ge=1, description="examples a forward pass")
    gradient_accumulation: int = Field(1, ge=1, description="forward passes an optimiser step")
    lora_rank: int = Field(16, ge=1)
    lora_alpha: int = Field(32, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    lora_modules: list[str] = Field(default=["q_proj", "k_proj", "v_proj", "o_proj"])
    optimizer: Literal["adamw_torch", "adamw_8bit", "paged_adamw_8bit"] = "adamw_torch"
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_share: float = Field(0.03, ge=0, lt=1)
    gradient_checkpointing: bool = False
    max_length: int = Field(256, ge=16, description="tokens an example")
    checkpoint_steps: int = Field(10, ge=1, description="a killed training loses at most this many steps")
    seed: int = 17


class Judge(Section):
    """Whether the champion's own answers are judged, for pairs to train its successor on (Auto-RLAIF)."""

    questions: int = Field(0, ge=0, description="questions a run, half of them of the request log; 0 judges nothing")
    answers: int = Field(3, ge=2, description="answers sampled to a question; each is held against the next")
    temperature: float = Field(0.9, gt=0, le=2, description="of the answers: at 0 they would all be the same")
    days: float = Field(30, gt=0, description="how far back the request log's questions are taken")
    rubric: str = Field(description="what makes an answer the better one; said to the judge's model")
    min_kappa: float = Field(
        0.4, ge=-1, le=1, description="Cohen's kappa on known pairs from which the model's word counts, not facts alone"
    )


class Preference(Section):
    """Whether the adapter goes on learning from pairs of answers, of which people or the judge preferred one (DPO)."""

    enabled: bool = False
    min_pairs: int = Field(50, ge=2, description="fewer pairs than this teach nothing, and are left for another night")
    beta: float = Field(0.1, gt=0, description="how dearly it is to stray from the adapter that it starts from")
    learning_rate: float = Field(5e-5, gt=0, le=1e-2, description="higher, and what training taught is forgotten")
    epochs: float = Field(1, gt=0)
    batch_size: int = Field(4, ge=1, description="pairs a forward pass")
    max_length: int = Field(384, ge=16, description="tokens of a question and the longer answer")


class Evaluate(Section):
    questions: int = Field(0, ge=0, description="held-out questions to ask, evenly over topics; 0 asks all")
    batch_size: int = Field(32, ge=1)
    max_new_tokens: int = Field(48, ge=1)
    few_shot: int = Field(3, ge=1, description="training examples that the few-shot arm is shown before each question")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals of the paired differences")
    resamples: int = Field(9_999, ge=99, description="bootstrap resamples an interval")


Metric = Literal["score", "facts", "exact", "token_f1", "rouge_l", "bleu", "chrf"]


class Gate(Section):
    """What a challenger must prove before a person is asked: gains are of the lower end of the paired interval."""

    metric: Metric = Field(
        "score", description="what is compared; score: facts right, or token F1 where none are known"
    )
    gain_over_base: float = Field(0.05, ge=-1, le=1, description="the lower end of the gain must be above this")
    gain_over_few_shot: float = Field(0.0, ge=-1, le=1, description="the same, over base with examples in the prompt")
    gain_over_champion: float = Field(0.0, ge=-1, le=1, description="the same, over the champion, where there is one")
    max_loss_ratio: float = Field(0.5, gt=0, description="challenger's held-out loss over base's")
    max_slice_drop: float = Field(0.05, ge=0, le=1, description="a slice may not be proven worse than champion by more")
    min_slice_questions: int = Field(10, ge=1, description="a smaller slice says nothing")
    floors: dict[str, float] = Field(default_factory=dict, description="slice → the least the metric may be in it")
    behaviours: Literal["required", "reported"] = Field("required", description="reported: a failed one stops nothing")
    min_changed: float = Field(0.01, ge=0, le=1, description="share of answers that must differ from base's")
    max_seconds: float = Field(30.0, gt=0, description="an answer's 95th percentile, asked one at a time")
    max_cost: float = Field(10.0, gt=0, description="of 1,000 answers, at costs.machine_hour")
    min_review: float = Field(
        3.5, ge=1, le=5, description="the experts' mean score, where review.questions asks for one"
    )


class Review(Section):
    """Whether an expert scores answers before the gate."""

    questions: int = Field(0, ge=0, le=100, description="answers that wait in MLflow's review queue; 0 asks nobody")


BackendName = Literal["llama_cpp", "triton", "vllm", "tensorrt_llm"]
GGUF = {"llama_cpp", "triton"}  # the backends that serve a GGUF file; the others take safetensors


class Feedback(Section):
    """Whose opinion of an answer is trusted, and how much it counts."""

    hourly: int = Field(30, ge=1, description="opinions that one person gives within an hour; with more, none count")
    related: float = Field(
        0.2, ge=-1, le=1, description="drop corrections less like question and answer; -1 drops none"
    )
    doubt: float = Field(
        0.01, ge=0, lt=1, description="chance of distrusting an honest person who errs as the others do; 0 trusts all"
    )
    repeat: int = Field(1, ge=1, le=100, description="how often a trusted correction stands in training")


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


class Schedule(Section):
    """When the nightly run starts."""

    cron: str = "0 2 * * *"
    timezone: str = "UTC"


class Approval(Section):
    """Who decides about a challenger, and how long the question stands."""

    reviewers: list[str] = Field(["reviewer", "admin"], min_length=1, description="Airflow users who may decide")
    hours: float = Field(20, gt=0, description="no answer until then is a no; the next night asks again")


class Budget(Section):
    """What one run may take."""

    training_hours: float = Field(8, gt=0, description="a training that takes longer is stopped, and the run fails")
    deadline_hours: float = Field(
        10, gt=0, description="a run that is not over by then, people's answers included, alerts"
    )
    run_cost: float = Field(0, ge=0, description="a run forecast to cost more asks a person first; 0: no limit")
    month_cost: float = Field(0, ge=0, description="the same of all runs in a calendar month (UTC); 0: no limit")


class Costs(Section):
    """What things cost, in your currency. It belongs to no plan: a changed rate retrains nothing."""

    currency: str = Field("USD", min_length=1)
    machine_hour: float = Field(0.10, ge=0, description="an hour of the machine, whatever runs on it")
    gpu_hour: float = Field(0.0, ge=0, description="an hour of each GPU in use, where machine_hour does not hold it")
    kwh: float = Field(0.0, ge=0, description="a kilowatt-hour, where machine_hour does not hold it")
    country: str = Field("USA", pattern="^[A-Z]{3}$", description="whose electricity it is, for its CO2 (ISO 3166-1)")
    hosted_input: float = Field(0.15, ge=0, description="a hosted API's stated price of a million tokens that it reads")
    hosted_output: float = Field(0.60, ge=0, description="and of a million tokens that it writes")
    month_cost: float = Field(0.0, ge=0, description="what all templates may cost in a month (UTC); 0: no limit")

    def hour(self, gpus: int) -> float:
        """What an hour costs of this machine and so many GPUs, without electricity that is paid apart."""
        return self.machine_hour + gpus * self.gpu_hour


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
        0.0, ge=0, le=1, description="similarity from which questions are one; 0: as `weaver bench cache` verified"
    )


class Drift(Section):
    """When the world has moved: a signal in `violations` of the last `windows` windows, the newest among them."""

    hours: float = Field(24, gt=0, description="length of a window; windows begin at multiples of it, in UTC")
    windows: int = Field(3, ge=1, description="windows that are looked at")
    violations: int = Field(2, ge=1, description="windows that must violate")
    min_rows: int = Field(200, ge=1, description="a smaller window says nothing")
    reference_rows: int = Field(1_000, ge=1, description="a version's first requests, which say what is normal")
    sample: int = Field(2_000, ge=1, description="rows that are looked at, of a window that has more")
    false_alarms: float = Field(0.01, gt=0, lt=1, description="false discovery rate over the signals of a window")
    min_psi: float = Field(0.1, ge=0, description="least population stability index of categories")
    min_distance: float = Field(0.2, ge=0, description="least Wasserstein distance of numbers, in standard deviations")
    min_shift: float = Field(0.02, ge=0, description="least cosine distance between the centres of texts")
    min_share: float = Field(0.1, ge=0, le=1, description="least rise of a share, as of questions unlike any before")
    quality_drop: float = Field(0.05, ge=0, le=1, description="least rise of a share of bad answers")
    max_age_days: float = Field(30, ge=0, description="a training that is older is repeated; 0: never for its age")
    cooldown_hours: float = Field(24, ge=0, description="the time after which drift may start a retraining again")


class TrainingPlan(Section):
    template: str
    profile: str
    system_prompt: str
    questions: list[str]
    contract: Contract
    data: Data
    refine: Refine
    privacy: Privacy
    base: Base
    train: Train
    judge: Judge
    preference: Preference
    evaluate: Evaluate
    gate: Gate
    review: Review
    feedback: Feedback
    deployment: Deployment

    def digest(self, *sections: str) -> str:
        """SHA-256 of the plan, or of some of its sections: what a stage's result depends on."""
        return digest(self.model_dump(include=set(sections) if sections else None))

    def flat(self) -> dict[str, Any]:
        """`section.key → value`: the spelling of MLflow parameters, trigger forms and `--set`."""
        values: dict[str, Any] = {}
        for name, value in self.model_dump().items():
            values.update(
                {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
            )
        return values


TUNABLE = (
    "data",
    "refine",
    "privacy",
    "base",
    "train",
    "judge",
    "preference",
    "evaluate",
    "gate",
    "review",
    "feedback",
    "deployment",
)
