"""A home of its own for the serving benches: supervised backends and a gateway, on free ports, gone afterwards.

The model is the base that the environment carries (a GGUF file, Q4_1), under a template's name: how fast it answers
does not depend on what it has learned, only on how long its answers are.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import yaml

from pipelines.clients.backends import Model, load_backend
from pipelines.clients.local_model import packaged_gguf
from pipelines.core import routes, signing
from pipelines.core.files import digest, write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.routes import Endpoint, Route, ServedVersion
from pipelines.core.settings import TRITON_KEY, settings
from pipelines.core.templates import Template, load_template
from pipelines.stack import credentials, servers, supervision
from tests.bench.own_home import own_home, wait_for
from tests.bench.serve_load import Door

KIT = "service_advisor"
# As the template of the kit, but nothing is looked up, and the second has no cache: the way to the model is measured.
CACHED, UNCACHED = "service_advisor_cached", "service_advisor_uncached"


@contextmanager
def serving_home() -> Iterator[Path]:
    """A home of its own, with the servers of the serving stack in it."""
    with own_home() as home:
        write_templates()
        credentials.create_missing()
        supervision.start_supervisord()
        supervision.start_programs(servers.SERVING)
        wait_for(f"{settings().gateway_url}/healthz")
        wait_for(f"{settings().triton_url}/v2/health/ready", **{TRITON_KEY: settings().secret("triton")})
        yield home


def write_templates() -> None:
    """The templates CACHED and UNCACHED, among those of this home."""
    for name, changed in ((CACHED, {}), (UNCACHED, {"cache": "off"})):
        policy = template().serving.model_copy(update={"retrieval": 0} | changed)
        other = template().model_copy(update={"name": name, "serving": policy})
        write_text(settings().templates / f"{name}.yaml", yaml.safe_dump(other.model_dump(mode="json")))


@cache
def template() -> Template:
    return load_template(KIT)


def deploy(version: int, *backends: str) -> list[Endpoint]:
    """Load the packaged model as a version of the Service Advisor; where it then is."""
    folder = settings().home / "deployments" / CACHED / f"v{version}"
    if not folder.exists():
        folder.mkdir(parents=True)
        shutil.copy(packaged_gguf(), folder / "model.gguf")
        signing.sign(folder)
    model = Model(CACHED, version, folder)
    return [load_backend(name).deploy(model, make_plan(CACHED).deployment) for name in backends]


def route(name: str, endpoints: dict[int, list[Endpoint]], champion: int) -> None:
    """Let a version answer for a template; the others stay served."""
    served = [
        ServedVersion(
            name=name,
            version=version,
            digest=digest(f"{name} {version}"),
            system_prompt=template().system_prompt,
            max_new_tokens=48,
            endpoints=at,
        )
        for version, at in endpoints.items()
    ]
    routes.write_route(Route(name=name, champion=champion, versions=served, shares={champion: 1.0}))


def straight(at: Endpoint) -> Door:
    """A llama.cpp server itself."""
    return Door("http://localhost/v1/chat/completions", at.model, socket=at.address.removeprefix("unix:"))


def gateway(model: str) -> Door:
    return Door(f"{settings().gateway_url}/v1/chat/completions", model, settings().secret("gateway"))
