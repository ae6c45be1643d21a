"""The metrics that Prometheus reads."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call,unused-ignore]  # one more line per series, which nobody reads

LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds
OVERHEAD_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1)  # seconds
RETRIEVAL_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1, 10)  # seconds


class Metrics:
    """The gateway's counters, gauges and histograms, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        version = ["template", "version"]
        self.requests = Counter(
            "neuroweaver_requests_total",
            "Requests by final status.",
            [*version, "backend", "status", "cached"],
            registry=registry,
        )
        self.duration = Histogram(
            "neuroweaver_request_duration_seconds",
            "From request to complete answer.",
            version,
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.first_token = Histogram(
            "neuroweaver_time_to_first_token_seconds",
            "From request to first token.",
            version,
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.overhead = Histogram(
            "neuroweaver_gateway_overhead_seconds",
            "The gateway's own time per request: all but waiting for a backend.",
            buckets=OVERHEAD_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "neuroweaver_requests_in_flight", "Requests being processed.", ["template"], registry=registry
        )
        self.tokens = Counter(
            "neuroweaver_tokens_total", "Prompt and completion tokens.", [*version, "kind"], registry=registry
        )
        self.cost = Counter(
            "neuroweaver_cost_total", "Cost of the backends' machines, in costs.currency.", version, registry=registry
        )
        self.shadow_requests_dropped = Counter(
            "neuroweaver_shadow_requests_dropped_total",
            "Shadow requests that were left out under load.",
            ["template"],
            registry=registry,
        )

        self.retrieval = Counter(
            "neuroweaver_retrieval_total",
            "Requests by what they are answered from: off, failed, own_record, found, quoted, declined.",
            ["template", "outcome"],
            registry=registry,
        )
        self.retrieval_seconds = Histogram(
            "neuroweaver_retrieval_seconds",
            "From asking for a search of the knowledge index to its result.",
            buckets=RETRIEVAL_BUCKETS,
            registry=registry,
        )
        self.unfounded_answers = Counter(
            "neuroweaver_unfounded_answers_total",
            "Answers of a model that state facts which are in no record; `replaced` by a declined one, or not.",
            [*version, "replaced"],
            registry=registry,
        )

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
