"""One trace per request, exported in the background into the MLflow experiment of its template.

Attributes are those of OpenTelemetry's GenAI semantic conventions, which MLflow shows as inputs, outputs and tokens;
personal data is removed from texts before they come here. An MLflow server that does not answer costs a request
nothing, and is logged once.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from pipelines.clients.mlflow import send_request, sign_in_remedy
from pipelines.core.errors import WeaverError
from pipelines.core.settings import settings
from pipelines.request_log import Exchange

if TYPE_CHECKING:
    from requests import Response

log = logging.getLogger(__name__)

TEMPLATE_ATTRIBUTE = "weaver.template"
EXCHANGE_ATTRIBUTES = (
    "template",
    "version",
    "backend",
    "route",
    "status",
    "cached",
    "shadow_of",
    "retrieval",
    "sources",
    "index_version",
    "unfounded_facts",
    "first_token_s",
    "cost",
)
EXPORT_TIMEOUT = 10.0  # seconds for one call of MLflow, whose first trace takes long; exports run in their own thread
DELAY_MS = 1_000  # how long spans are collected for one export
EXPERIMENTS = "/api/2.0/mlflow/experiments"


class Traces:
    """The gateway's tracer: `write` a finished request, `close` with the process."""

    def __init__(self) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would log every failed export
        self.provider = TracerProvider(resource=Resource({"service.name": "neuroweaver-gateway"}))
        self.provider.add_span_processor(BatchSpanProcessor(MLflowSpanExporter(), schedule_delay_millis=DELAY_MS))
        self.tracer = self.provider.get_tracer("pipelines.gateway")

    def write(self, exchange: Exchange, request: dict[str, Any], finish_reason: str) -> None:
        """Queue the span of a finished request, whose texts hold no personal data any more; returns at once."""
        answer = {"role": "assistant", "content": exchange.answer}
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": exchange.backend or "cache",
            "gen_ai.request.model": exchange.template,
            "gen_ai.request.max_tokens": request["max_tokens"],
            "gen_ai.request.temperature": request["temperature"],
            "gen_ai.response.id": exchange.id,
            "gen_ai.response.model": request["model"],
            "gen_ai.response.finish_reasons": [finish_reason],
            "gen_ai.usage.input_tokens": exchange.prompt_tokens,
            "gen_ai.usage.output_tokens": exchange.completion_tokens,
            "gen_ai.input.messages": exchange.messages,
            "gen_ai.output.messages": orjson.dumps([answer]).decode(),
        }
        attributes |= {f"weaver.{name}": getattr(exchange, name) for name in EXCHANGE_ATTRIBUTES}
        span = self.tracer.start_span("chat", attributes=attributes, start_time=nanoseconds(exchange.at))
        if exchange.status != "ok":
            span.set_status(Status(StatusCode.ERROR, exchange.status))
        span.end(nanoseconds(exchange.at + exchange.latency_s))

    def close(self) -> None:
        """Export what is queued, and stop."""
        self.provider.shutdown()


class MLflowSpanExporter(SpanExporter):
    """OTLP over MLflow's own HTTP transport: credentials and TLS settings are those of every other call of MLflow.

    MLflow takes the experiment from a header, so each template's spans are one call. What cannot be exported is
    dropped: the request log holds every request, whether MLflow answers or not.
    """

    def __init__(self) -> None:
        self.experiment_ids: dict[str, str] = {}
        self.failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans to MLflow; the first failure and the first success after it are logged, the others are not."""
        by_template: dict[str, list[ReadableSpan]] = defaultdict(list)
        for span in spans:
            by_template[str((span.attributes or {})[TEMPLATE_ATTRIBUTE])].append(span)
        from mlflow.exceptions import MlflowException  # here and not above: it takes seconds, and no request waits

        try:
            for template, some in by_template.items():
                self.send_spans(template, some)
        except (MlflowException, WeaverError, OSError) as error:
            if not self.failing:
                log.warning("requests are answered, but their traces are not written: %s", error)
            self.failing = True
            return SpanExportResult.FAILURE
        if self.failing:
            log.info("traces are written again")
        self.failing = False
        return SpanExportResult.SUCCESS

    def send_spans(self, template: str, spans: Sequence[ReadableSpan]) -> None:
        """
        Raises:
            WeaverError: MLflow refused.
            MlflowException: MLflow cannot be reached.
        """
        if template not in self.experiment_ids:
            self.experiment_ids[template] = find_or_create_experiment(template)
        headers = {
            "Content-Type": "application/x-protobuf",
            "x-mlflow-experiment-id": self.experiment_ids[template],
        }
        body = encode_spans(spans).SerializeToString()
        raise_for_status(send_request("POST", "/v1/traces", EXPORT_TIMEOUT, data=body, extra_headers=headers))


def find_or_create_experiment(template: str) -> str:
    """The id of a template's experiment, in which its training runs are, too.

    Raises:
        WeaverError: MLflow refused.
        MlflowException: MLflow cannot be reached.
    """
    path, name = f"{EXPERIMENTS}/get-by-name", {"experiment_name": template}
    response = send_request("GET", path, EXPORT_TIMEOUT, params=name)
    if response.status_code == 404:
        created = send_request("POST", f"{EXPERIMENTS}/create", EXPORT_TIMEOUT, json={"name": template})
        return str(raise_for_status(created).json()["experiment_id"])
    return str(raise_for_status(response).json()["experiment"]["experiment_id"])


def raise_for_status(response: "Response") -> "Response":
    """The response, if it is a success.

    Raises:
        WeaverError: it is not; with the server's words and what to do.
    """
    if response.ok:
        return response
    refused = f"MLflow at {settings().mlflow_url} answered with status {response.status_code}: {response.text[:200]}"
    raise WeaverError(refused, sign_in_remedy() if response.status_code == 401 else "")


def nanoseconds(seconds: float) -> int:
    """Epoch seconds as OpenTelemetry counts them."""
    return int(seconds * 1e9)
