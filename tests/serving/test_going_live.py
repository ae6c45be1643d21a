"""Versions are deployed and rolled back on real engines behind the real gateway, under load: no request fails."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import orjson
import pytest
import tritonclient.grpc

from pipelines.clients.backends import load_backend
from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import Adapter, ChampionModel, Export
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.routes import read_route
from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files
from pipelines.request_log import read_exchanges
from pipelines.serving import experiments
from pipelines.serving.deployment_pointer import deployed_version_number, read_deployment
from pipelines.stack import credentials, supervision
from pipelines.training.export import export

from ..conftest import make_home
from ..database import read_alerts
from ..models import Home
from ..ports import free_port
from ..servers import Server

NAME = "counter_advisor"
QUICK = {
    "deployment.ramp_step_seconds": 1,
    "deployment.min_golden_share": 0,
    "deployment.context": 512,
    "deployment.parallel": 2,
}


class Live(Home):
    """A template whose versions are real, small models: merged, quantised and loaded."""

    def __init__(self, folder: Path, artifacts: Path, base: Path, adapter: Callable[..., Adapter]) -> None:
        super().__init__(folder, NAME, artifacts)
        self.made = adapter
        self.plan = make_plan(NAME, {"base.model": str(base), "base.quantisation": "none", **QUICK})

    def adapter(self, seed: int) -> Adapter:
        mlflow = connect_mlflow()
        mlflow.set_experiment(self.name)
        with mlflow.start_run() as run:
            return self.made(seed, run.info.run_id)

    def export(self, adapter: Adapter) -> Export:
        return export(adapter, ChampionModel(name=self.name), self.plan, self.work)

    def golden(self, run_id: str, answer: str) -> None:
        rows = [{"question": "Which wheels are driven?", "answer": answer, "base": "none", "facts": [], "topic": "t"}]
        file = self.folder / "golden.jsonl"
        write_jsonl(file, rows)
        connect_mlflow().MlflowClient().log_artifact(run_id, str(file), "evaluation")


@pytest.fixture(scope="module")
def live(
    server: Server,
    small_base: Path,
    small_adapter: Any,
    tmp_path_factory: pytest.TempPathFactory,
    kept_models: dict[str, Path],
) -> Iterator[Live]:
    """The serving half of the stack: supervisord, Triton and the gateway."""
    home = tmp_path_factory.mktemp("live") / "home"
    make_home(home, kept_models)
    own = home / "templates" / f"{NAME}.yaml"
    own.parent.mkdir(parents=True)
    template = find_template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {NAME}")
    own.write_text(template.replace("retrieval: 3", "retrieval: 0"))  # passages are too long for so small a context
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEAVER_HOME", str(home))
        patch.setenv("WEAVER_TRACKING_URI", server.url)
        patch.setenv("WEAVER_PROFILE", "cpu")
        for port in ("TRITON_HTTP", "TRITON_GRPC", "GATEWAY"):
            patch.setenv(f"WEAVER_{port}_PORT", str(free_port()))
        settings.cache_clear()
        credentials.create_missing()
        supervision.start_supervisord()
        supervision.start_programs({"triton", "gateway"})
        until(lambda: client().models.list().data == [] and triton_is_ready())
        yield Live(home, server.folder / "artifacts", small_base, small_adapter)
        supervision.stop_all()
    settings.cache_clear()


def client() -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{settings().gateway_url}/v1", api_key=settings().secret("gateway"), max_retries=0, timeout=60
    )


def triton_is_ready() -> bool:
    key = {"weaver-key": settings().secret("triton")}
    return httpx.get(f"{settings().triton_url}/v2/health/ready", headers=key).is_success


def until(condition: Callable[[], Any], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (openai.OpenAIError, httpx.HTTPError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s")


class LoadGenerator:
    """Three clients that send one new question after the other for as long as the block lasts."""

    def __enter__(self) -> "LoadGenerator":
        self.models: list[str] = []
        self.failed: list[Exception] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(3)]
        for thread in self.threads:
            thread.start()
        return self

    def ask(self, user: int) -> None:
        openai_client, number = client(), 0
        while not self.stopped.is_set():
            question = [{"role": "user", "content": f"Which wheels does car {user}-{number} drive?"}]
            try:
                completion = openai_client.chat.completions.create(
                    model=NAME, messages=question, max_tokens=8, user=f"{user}-{number}"
                )
                self.models.append(completion.model)
            except openai.OpenAIError as error:
                self.failed.append(error)
            number += 1

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def test_promotion_and_rollback_switch_versions_without_a_failed_request(live: Live) -> None:
    live.promote(live.challenger(1))
    until(lambda: client().models.retrieve(NAME))
    with LoadGenerator() as load:
        until(lambda: load.models)
        live.promote(live.challenger(2, champion=1))
        promoted = len(load.models)
        time.sleep(1.5)
        settled = len(load.models)
        live.rollback()
    assert not load.failed
    assert load.models[0] == f"{NAME}-v1"
    assert {f"{NAME}-v1", f"{NAME}-v2"} == set(load.models[:promoted])
    assert set(load.models[promoted + 3 : settled]) == {f"{NAME}-v2"}, (
        "requests in flight may still be answered by the other version"
    )
    assert load.models[-1] == f"{NAME}-v1"
    assert deployed_version_number(NAME) == read_route(NAME).champion == 1
    canaries = read_deployment(NAME).canaries
    assert set(canaries) == {"llama_cpp", "triton"}
    assert all(metrics["passed_share"] == 1.0 for metrics in canaries.values())
    for engine in read_deployment(NAME).backends:
        assert load_backend(engine).status() == {f"{NAME}-v1": "ready"}, "the version that was rolled back is unloaded"


def test_triton_s_own_client_gets_the_champion_s_answer_too(live: Live) -> None:
    question = [{"role": "user", "content": "Which wheels?"}]
    expected = client().chat.completions.create(model=NAME, messages=question, max_tokens=8).choices[0].message.content
    system = {"role": "system", "content": live.plan.system_prompt}
    request = orjson.dumps({"messages": [system, *question], "max_tokens": 8, "temperature": 0})
    tensor = tritonclient.grpc.InferInput("request", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([request], dtype=np.object_))
    answers: queue.Queue[Any] = queue.Queue()
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{settings().triton_grpc_port}") as triton:
        key = {"triton-grpc-protocol-weaver-key": settings().secret("triton")}
        triton.start_stream(lambda result, error: answers.put(error or result), headers=key)
        triton.async_stream_infer(NAME, [tensor])
        answer = orjson.loads(answers.get(timeout=30).as_numpy("chunk")[0])
    assert answer["model"] == f"{NAME}-v1"
    assert answer["choices"][0]["message"]["content"] == expected


def test_an_ab_test_serves_a_share_of_the_users_and_a_shadow_serves_nobody(live: Live) -> None:
    experiments.set_ab_test(NAME, 2, 0.5, live.plan)
    time.sleep(0.5)
    models_by_user = {user: {answered_by(user, number) for number in range(3)} for user in map(str, range(8))}
    assert all(len(models) == 1 for models in models_by_user.values()), "each stays with one version"
    assert set.union(*models_by_user.values()) == {f"{NAME}-v1", f"{NAME}-v2"}
    with pytest.raises(WeaverError, match="is its champion"):
        experiments.set_ab_test(NAME, 1, 0.5, live.plan)

    experiments.set_ab_test(NAME, 2, 0, live.plan)
    experiments.set_shadow(NAME, 2, 1.0, live.plan)
    time.sleep(0.5)
    began = time.time()
    assert {answered_by(user, 9) for user in map(str, range(8))} == {f"{NAME}-v1"}
    until(lambda: any(row["shadow_of"] and row["version"] == 2 for row in read_exchanges(since=began).to_pylist()))
    experiments.set_shadow(NAME, 2, 0, live.plan)
    assert [version.version for version in read_route(NAME).versions] == [1]
    assert f"{NAME}-v2" not in load_backend("llama_cpp").status()


def answered_by(user: str, number: int) -> str:
    question = [{"role": "user", "content": f"What is the mpg of {user}, {number}?"}]
    return client().chat.completions.create(model=NAME, messages=question, max_tokens=4, user=user).model


def test_a_version_whose_canary_fails_gets_no_traffic(live: Live) -> None:
    artifacts = live.challenger(3, champion=1)
    live.golden(artifacts["register"].run_id, "Its drive is front-wheel, as the record says.")
    usual = live.plan
    artifacts |= {"promote": live.run("promote", artifacts, by="ada", why="better")}
    for limit, why in (
        ({"max_seconds": 1e-5}, "needs more than 0.0001 s for an answer, and deployment.max_seconds is 1e-05 s"),
        ({"min_golden_share": 0.8}, "0% of 1 golden questions"),
    ):
        live.plan = usual.model_copy(update={"deployment": usual.deployment.model_copy(update=limit)})
        with pytest.raises(WeaverError, match=why) as error_info:
            live.run("deploy", artifacts)
        assert not isinstance(error_info.value, Unavailable), "a retry would not help"
    assert deployed_version_number(NAME) == read_route(NAME).champion == 1
    assert f"{NAME}-v3" not in load_backend("llama_cpp").status()
    assert f"{NAME}-v3 was not deployed, and version 1 stays deployed" in str(read_alerts(live.folder))
