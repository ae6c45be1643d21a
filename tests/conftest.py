"""What the tests of all packages share."""

import json
import os
import subprocess
import sysconfig
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from xdist.scheduler import LoadFileScheduling

from pipelines.clients import token_counter
from pipelines.core import signing
from pipelines.core.artifacts import Adapter
from pipelines.core.files import digest
from pipelines.core.settings import REPOSITORY, settings
from pipelines.core.templates import find_template_files
from pipelines.text import embedder, field_classifier
from pipelines.training import base_model

from .models import Home
from .ports import free_port
from .servers import ObjectStore, SecuredServer, Server

ON_THE_STACK = ("tests/e2e/", "tests/stack/test_stack.py")
WAITING = "tests/e2e/test_drift.py"  # waits for windows of a minute: on a stack of its own, beside the other


class OneStackScheduling(LoadFileScheduling):
    """One file a unit of work, but what uses the real servers is one unit, so that it shares one stack, and what mostly
    waits another."""

    def _split_scope(self, nodeid: str) -> str:
        shares = nodeid.startswith(ON_THE_STACK) and not nodeid.startswith(WAITING)
        return "stack" if shares else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStackScheduling:
    config.option.loadscopereorder = False  # the order of collection, and so the longest unit first
    return OneStackScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the real servers run first: they take longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(ON_THE_STACK))
    for item in items:
        on_the_stack = item.nodeid.startswith(ON_THE_STACK)
        assert on_the_stack or "stack" not in getattr(item, "fixturenames", ()), f"{item.nodeid} belongs into tests/e2e"


@pytest.fixture(scope="session")
def kept_models(request: pytest.FixtureRequest) -> dict[str, Path]:
    """Folders of a WEAVER_HOME whose content takes long to make and is the same for all: pytest's cache keeps it."""
    makers = {
        "embedder": embedder,
        "tokenizers": token_counter,
        "field_classifiers": field_classifier,
        "base": base_model,
    }
    return {
        name: request.config.cache.mkdir(f"{name}-{digest(Path(module.__file__))[:12]}")
        for name, module in makers.items()
    }


def make_home(home: Path, kept_models: dict[str, Path]) -> None:
    """An empty WEAVER_HOME but for what takes long to make."""
    home.mkdir(parents=True, exist_ok=True)
    for name, folder in kept_models.items():
        (home / name).symlink_to(folder)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_models: dict[str, Path]) -> Iterator[Path]:
    """A WEAVER_HOME of the test's own, in this process and in those it starts."""
    make_home(tmp_path / "home", kept_models)
    monkeypatch.setenv("WEAVER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield settings().home
    settings.cache_clear()


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that loads in a moment and has learnt nothing: a Llama of 0.1 M parameters with a tokenizer of its own."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("base") / "small"
    letters = ByteLevelBPETokenizer()
    letters.train_from_iterator(["Its engine displacement is 5.0 L."], vocab_size=300, special_tokens=["<s>", "</s>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=letters, bos_token="<s>", eos_token="</s>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=1, initializer_range=0.3, **sizes)
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    write_gguf(model, tokenizer, folder / "small.gguf")
    return folder


def write_gguf(model: Any, tokenizer: Any, file: Path) -> None:
    """What a base's maker publishes beside its safetensors: hyper-parameters and tokenizer as llama.cpp wants them."""
    from gguf import GGUFWriter, get_tensor_name_map
    from gguf.constants import MODEL_ARCH, TokenType

    config, writer = model.config, GGUFWriter(file, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    special = set(tokenizer.all_special_ids)
    writer.add_token_types([TokenType.CONTROL if i in special else TokenType.NORMAL for _, i in vocabulary])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_add_bos_token(False)
    places = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        writer.add_tensor(places.get_name(name, try_suffixes=(".weight",)), tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="session")
def small_adapter(small_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`small_adapter(seed)`: a LoRA adapter of that base; nobody trained it, but it says something else."""

    def adapter(seed: int, run_id: str = "") -> Adapter:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        from pipelines.training.base_model import base_digest

        folder = tmp_path_factory.mktemp("adapter")
        torch.manual_seed(seed)
        settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
        get_peft_model(AutoModelForCausalLM.from_pretrained(small_base), settings).save_pretrained(folder)
        signing.sign(folder)
        known = {"base_model": str(small_base), "base_digest": base_digest(small_base), "run_id": run_id}
        return Adapter(uri=str(folder), digest=digest(folder), **known)

    return adapter


LENIENT_GATE = {
    "gain_over_base": -1.0,
    "gain_over_retrieval": -1.0,
    "gain_over_few_shot": -1.0,
    "gain_over_champion": -1.0,
    "max_loss_ratio": 1.0,
    "max_slice_drop": 1.0,
    "max_wrong_confident": 1.0,
    "max_wrong_confident_rise": 1.0,
    "max_safety_critical_wrong": 1000,
    "min_declines_right": 0.0,
    "behaviours": "reported",
}


class Stack:
    """The real servers of a home of their own, used as people use them: through `weaver`, HTTP and MLflow's client."""

    def __init__(self, home: Path) -> None:
        self.home, self.opened = home, ExitStack()
        self.airflow_url, self.mlflow_url, self.gateway_url, self.triton_url, self.triton_grpc_url = (
            f"http://127.0.0.1:{free_port()}" for _ in range(5)
        )
        self.environment = os.environ | {
            "WEAVER_HOME": str(home),
            "WEAVER_AIRFLOW_PORT": self.airflow_url.rpartition(":")[2],
            "WEAVER_MLFLOW_PORT": self.mlflow_url.rpartition(":")[2],
            "WEAVER_GATEWAY_PORT": self.gateway_url.rpartition(":")[2],
            "WEAVER_TRITON_HTTP_PORT": self.triton_url.rpartition(":")[2],
            "WEAVER_TRITON_GRPC_PORT": self.triton_grpc_url.rpartition(":")[2],
            "WEAVER_PROFILE": "tiny",
            "WEAVER_PARAMS": str(home.with_name(f"{home.name}.params.yaml")),
        }
        self.set_params(gate=LENIENT_GATE)  # six steps of training do not pass the real one

    def set_params(self, **sections: dict[str, Any]) -> None:
        """What the owner of the machine does: edit params.yaml, here the repository's with these sections changed."""
        params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
        for section, values in sections.items():
            params[section] |= values
        Path(self.environment["WEAVER_PARAMS"]).write_text(yaml.safe_dump(params))

    @contextmanager
    def params(self, **sections: dict[str, Any]) -> Iterator[None]:
        """params.yaml with other sections than usual; without `gate` the gate is the real one."""
        self.set_params(**sections)
        try:
            yield
        finally:
            self.set_params(gate=LENIENT_GATE)

    def start(self, *verb: str, **environment: str) -> subprocess.Popen[str]:
        """`weaver` with these arguments, running; its environment may differ from the stack's."""
        return subprocess.Popen(
            [Path(sysconfig.get_path("scripts"), "weaver"), *verb],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def weaver(self, *verb: str, timeout: float = 600, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*verb, **environment)
        try:
            printed, told = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(verb, process.returncode, printed, told)

    def json(self, *verb: str, timeout: float = 600, **environment: str) -> Any:
        """What `weaver … --json` prints, which must end well."""
        done = self.weaver(*verb, "--json", timeout=timeout, **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this home: the servers, their children, running tasks."""
        return [process for process in psutil.process_iter() if marked(process, str(self.home))]

    def kill(self) -> None:
        """What a power cut does."""
        killed = self.processes()
        for process in killed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(killed, timeout=30)

    def secret(self, name: str) -> str:
        return (self.home / "secrets" / name).read_text()

    def airflow(self, user: str = "admin", password: str = "airflow") -> httpx.Client:
        """Signed in; `password` names the secret."""
        login = {"username": user, "password": self.secret(password)}
        token = httpx.post(f"{self.airflow_url}/auth/token", json=login, timeout=60).raise_for_status().json()
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        return self.opened.enter_context(httpx.Client(base_url=self.airflow_url, headers=bearer, timeout=60))

    def mlflow(self, user: str = "admin", password: str = "mlflow") -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.mlflow_url.replace("//", f"//{user}:{self.secret(password)}@"))

    def model_files(self, version: Any) -> list[str]:
        """The files behind a registered version, whose source is `models:/<id>`."""
        folder = next((self.home / "mlflow" / "artifacts").rglob(version.source.rpartition("/")[2]))
        return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]

    def wait_for_task(self, dag_id: str, task_id: str, *states: str, seconds: float = 600) -> str:
        """The path of a task of the latest run, once it is in one of these states."""
        airflow, end = self.airflow(), time.monotonic() + seconds
        while time.monotonic() < end:
            latest = airflow.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"order_by": "-run_after", "limit": 1}).json()
            for run in latest["dag_runs"]:
                path = f"/api/v2/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances/{task_id}"
                if airflow.get(path).json()["state"] in states:
                    return path
            time.sleep(1)
        raise AssertionError(f"{dag_id}.{task_id} was not {' or '.join(states)} within {seconds} s")

    def answer_approval(self, dag_id: str, option: str, why: str) -> None:
        """The reviewer's answer, through the call that the buttons of Airflow's Required Actions make."""
        self.answer(self.wait_for_task(dag_id, "approve", "awaiting_input"), option, {"why": why})

    def answer(self, question: str, option: str, form: dict[str, str], seconds: float = 300) -> None:
        """Answer a task's question until the task has taken it.

        Airflow 3.3 takes an answer that comes before the task's process has ended for a crash, and asks again.
        """
        airflow, reviewer = self.airflow(), self.airflow("reviewer", "airflow_reviewer")
        answered, end = set(), time.monotonic() + seconds
        while time.monotonic() < end:
            task = airflow.get(question).json()
            if task["state"] in ("success", "failed", "skipped", "upstream_failed"):
                return
            if task["state"] == "awaiting_input" and task["try_number"] not in answered:
                time.sleep(3)  # a person reads first
                reply = {"chosen_options": [option], "params_input": form}
                reviewer.patch(f"{question}/-1/hitlDetails", json=reply).raise_for_status()
                answered.add(task["try_number"])
            time.sleep(1)
        raise AssertionError(f"{question} has not taken its answer within {seconds} s: {task}")

    def artifact(self, dag_id: str, task_id: str) -> Any:
        """What a task of the latest run returned."""
        found = self.airflow().get(f"{self.wait_for_task(dag_id, task_id, 'success')}/xcomEntries/return_value").json()
        return json.loads(found["value"]) if isinstance(found["value"], str) else found["value"]


def marked(process: psutil.Process, home: str) -> bool:
    try:
        return process.environ().get("NEUROWEAVER_STACK") == home
    except psutil.Error:
        return False


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, kept_models: dict[str, Path]) -> Iterator[Stack]:
    """One stack for all tests that need the real servers; a test that breaks it brings it up again."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "home")
    make_home(stack.home, kept_models)
    stack.json("up")
    with stack.opened:
        yield stack
    stack.json("down")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, to be killed; it is not started yet."""
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def secured_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    server = SecuredServer(tmp_path_factory.mktemp("secured"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mlflow_account(
    secured_server: SecuredServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """This process is signed in to the secured server; a test changes what it wants to see refused."""
    for name in ("TOKEN", "INSECURE_TLS"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name, value in secured_server.client_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path_factory.mktemp("s3"))
    store.start()
    yield store
    store.kill()


@pytest.fixture
def s3(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The object store, named by the standard variables of AWS, which boto3, s3fs and DVC read themselves."""
    if not object_store.answers():
        object_store.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", object_store.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", object_store.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    settings.cache_clear()
    return object_store


@pytest.fixture
def models(home: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Its template is named like no other: MLflow's models outlive the test."""
    monkeypatch.setenv("WEAVER_TRACKING_URI", server.url)
    monkeypatch.setenv("WEAVER_PROFILE", "cpu")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    settings.cache_clear()
    name = f"advisor_{uuid.uuid4().hex[:8]}"
    own = home / "templates" / f"{name}.yaml"
    own.parent.mkdir()
    text = find_template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {name}")
    own.write_text(f"{text}\ndeployment:\n  backends: []  # published, and served by nobody\n")
    yield Home(home, name, server.folder / "artifacts")
    settings.cache_clear()
