"""Versions that are served, and a route between them: what the routing tests decide about."""

from pipelines.core.routes import Endpoint, Route, ServedVersion


def served(version: int = 3, score: float | None = 0.9, machine_hours: tuple[float, ...] = (1.0, 1.0)) -> ServedVersion:
    places = [
        Endpoint(backend=backend, endpoint="unix:/x.sock", model=f"service_advisor-v{version}", machine_hour=cost)
        for backend, cost in zip(("llama_cpp", "triton", "vllm"), machine_hours, strict=False)
    ]
    known = {"name": "service_advisor", "digest": f"d{version}", "system_prompt": "", "max_new_tokens": 48}
    return ServedVersion(version=version, score=score, places=places, **known)


def route(
    shares: dict[int, float], scores: dict[int, float] | None = None, shadow: dict[int, float] | None = None
) -> Route:
    scores, shadow = scores or {}, shadow or {}
    versions = [served(version, scores.get(version, 0.9)) for version in {**shares, **scores, **shadow}]
    return Route(name="service_advisor", champion=min(shares), served=versions, shares=shares, shadow=shadow)
