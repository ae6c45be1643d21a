"""What Prometheus is told."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # a line a series that nobody reads

LATENCY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds
OVERHEAD = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1)


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        version = ["template", "version"]
        self.requests = Counter(
            "weaver_requests_total",
            "Requests, by how they ended.",
            [*version, "backend", "status", "cached"],
            registry=registry,
        )
        self.seconds = Histogram(
            "weaver_request_seconds", "From request to answer.", version, buckets=LATENCY, registry=registry
        )
        self.first_token = Histogram(
            "weaver_first_token_seconds", "From request to first token.", version, buckets=LATENCY, registry=registry
        )
        self.overhead = Histogram(
            "weaver_overhead_seconds",
            "What the gateway took of a request: all but waiting for a backend.",
            buckets=OVERHEAD,
            registry=registry,
        )
        self.in_flight = Gauge("weaver_in_flight", "Requests that are being answered.", ["template"], registry=registry)
        self.tokens = Counter(
            "weaver_tokens_total", "Tokens read and generated.", [*version, "kind"], registry=registry
        )
        self.cost = Counter("weaver_cost_total", "What the backends' machines cost.", version, registry=registry)
        self.shadows_dropped = Counter(
            "weaver_shadows_dropped_total", "Shadow requests left out under load.", ["template"], registry=registry
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)
