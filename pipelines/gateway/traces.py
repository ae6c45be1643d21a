"""One trace a request, exported in the background into the MLflow experiment of its template.

Attributes are those of OpenTelemetry's GenAI semantic conventions, which MLflow shows as inputs, outputs and tokens;
texts are protected before they come here. An MLflow that is away costs a request nothing, and is told once.
"""

import base64
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from pipelines.core.settings import settings
from pipelines.request_log import Exchange

log = logging.getLogger(__name__)

TEMPLATE = "weaver.template"
PATIENCE = 5.0  # seconds for an export; it runs in a thread of its own


class Traces:
    def __init__(self) -> None:
        self.provider = TracerProvider(resource=Resource({"service.name": "neuroweaver-gateway"}))
        self.provider.add_span_processor(BatchSpanProcessor(IntoMlflow(), schedule_delay_millis=1_000))
        self.tracer = self.provider.get_tracer("pipelines.gateway")

    def write(self, exchange: Exchange, request: dict[str, Any], finish_reason: str) -> None:
        """Queue a finished request, whose texts are protected."""
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
        told = ("template", "version", "backend", "route", "status", "cached", "shadow_of", "first_token_s", "cost")
        attributes |= {f"weaver.{name}": getattr(exchange, name) for name in told}
        span = self.tracer.start_span("chat", attributes=attributes, start_time=nanoseconds(exchange.at))
        if exchange.status != "ok":
            span.set_status(Status(StatusCode.ERROR, exchange.status))
        span.end(nanoseconds(exchange.at + exchange.latency_s))

    def close(self) -> None:
        self.provider.shutdown()


class IntoMlflow(SpanExporter):
    """OTLP over HTTP, an exporter an experiment: MLflow takes the experiment from a header."""

    def __init__(self) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would tell every failed try
        self.exporters: dict[str, OTLPSpanExporter] = {}
        self.mlflow = httpx.Client(timeout=PATIENCE, trust_env=False)
        self.away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        by_template = defaultdict(list)
        for span in spans:
            by_template[str((span.attributes or {})[TEMPLATE])].append(span)
        try:
            results = [self.exporter(name).export(some) for name, some in by_template.items()]
        except httpx.HTTPError as error:
            return self.told(SpanExportResult.FAILURE, f": {error}")
        bad = SpanExportResult.FAILURE in results
        return self.told(SpanExportResult.FAILURE if bad else SpanExportResult.SUCCESS, "")

    def told(self, result: SpanExportResult, why: str) -> SpanExportResult:
        away = result is SpanExportResult.FAILURE
        if away and not self.away:
            log.warning("MLflow takes no traces at %s%s; answers go on without them", settings().mlflow_url, why)
        if self.away and not away:
            log.info("MLflow takes traces again")
        self.away = away
        return result

    def exporter(self, template: str) -> OTLPSpanExporter:
        if template not in self.exporters:
            headers = {"x-mlflow-experiment-id": self.experiment(template), **sign_in()}
            url = f"{settings().mlflow_url}/v1/traces"
            self.exporters[template] = OTLPSpanExporter(url, headers=headers, timeout=PATIENCE)
        return self.exporters[template]

    def experiment(self, template: str) -> str:
        """The id of a template's experiment: where its trainings are, too."""
        api, signed = f"{settings().mlflow_url}/api/2.0/mlflow/experiments", sign_in()
        found = self.mlflow.get(f"{api}/get-by-name", params={"experiment_name": template}, headers=signed)
        if found.status_code == httpx.codes.NOT_FOUND:
            made = self.mlflow.post(f"{api}/create", json={"name": template}, headers=signed).raise_for_status()
            return str(made.json()["experiment_id"])
        return str(found.raise_for_status().json()["experiment"]["experiment_id"])

    def shutdown(self) -> None:
        for exporter in self.exporters.values():
            exporter.shutdown()


def sign_in() -> dict[str, str]:
    """The header that the local MLflow asks for; a server of your own is told by its URL."""
    if settings().tracking_uri:
        return {}
    user = base64.b64encode(f"admin:{settings().secret('mlflow')}".encode()).decode()
    return {"authorization": f"Basic {user}"}


def nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
