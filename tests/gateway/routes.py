"""Versions and a route between them, for the routing tests."""

from pipelines.core.routes import Endpoint, Route, ServedVersion


def make_version(
    version: int = 3, score: float | None = 0.9, costs_per_hour: tuple[float, ...] = (1.0, 1.0)
) -> ServedVersion:
    endpoints = [
        Endpoint(backend=backend, address="unix:/x.sock", model=f"service_advisor-v{version}", cost_per_hour=cost)
        for backend, cost in zip(("llama_cpp", "triton", "vllm"), costs_per_hour, strict=False)
    ]
    fields = {"name": "service_advisor", "digest": f"d{version}", "system_prompt": "", "max_new_tokens": 48}
    return ServedVersion(version=version, score=score, endpoints=endpoints, **fields)


def route(
    shares: dict[int, float], scores: dict[int, float] | None = None, shadow: dict[int, float] | None = None
) -> Route:
    scores, shadow = scores or {}, shadow or {}
    versions = [make_version(version, scores.get(version, 0.9)) for version in {**shares, **scores, **shadow}]
    return Route(name="service_advisor", champion=min(shares), versions=versions, shares=shares, shadow=shadow)
