"""The layers of the packages (import-linter), and that no import hides in a string."""

import ast
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.fingerprint import PACKAGE, file_of
from pipelines.core.settings import REPOSITORY

LAYERS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
RANK = {package: rank for rank, layer in enumerate(reversed(LAYERS)) for package in layer.split(" | ")}

# The tables by which a module is chosen at run time.
REGISTRIES = {
    "stages/table.py",  # stages
    "datasets/refine/engine.py",  # steps of the refinement, of the same package
    "clients/backends/__init__.py",  # serving engines, of the same package
    "core/kits.py",  # kits, by their entry points
    "datasets/collect.py",  # a kit's dataset builder
    "registry/provenance.py",  # the same, for its sources
    "knowledge/index.py",  # a kit's records
    "knowledge/held_out.py",  # the questions that it brings with them
    "kits/field_questions.py",  # how the fields of a builder's records are asked for
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield str(file.relative_to(PACKAGE)), ast.parse(file.read_bytes())


def test_the_layers_hold() -> None:
    command = [Path(sysconfig.get_path("scripts"), "lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_the_client_of_airflow_s_api_does_not_bring_airflow() -> None:
    """`airflow_client` is HTTP calls; what it imports is not in the reach of import-linter."""
    code = (
        "import sys, pipelines.clients.airflow, airflow_client.client; "
        "assert not (brought := [name for name in sys.modules if name.partition('.')[0] == 'airflow']), brought"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_modules_are_imported_by_name_in_the_named_registries_only() -> None:
    importing = {
        file
        for file, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__"))
    }
    assert importing <= REGISTRIES


def test_no_string_names_a_module_of_an_upper_layer_or_of_another_package_of_the_loop() -> None:
    found = []
    for file, tree in modules():
        package = Path(file).parts[0]
        if file in REGISTRIES or package not in RANK:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                other = named_package(node.value)
                if other and other != package and RANK[other] >= RANK[package]:
                    found.append(f"{file}, line {node.lineno}: {node.value}")
    assert not found


def named_package(text: str) -> str:
    """The package of `pipelines` that a string names a module of: "serving.deploy:deploy" → serving; else empty."""
    module = text.partition(":")[0].removeprefix(f"{PACKAGE.name}.")
    if "." not in module or not all(part.isidentifier() for part in module.split(".")):
        return ""
    package = module.partition(".")[0]
    return package if package in RANK and file_of(f"{PACKAGE.name}.{module}") else ""


def test_the_scan_finds_what_it_is_for() -> None:
    assert named_package("pipelines.serving.deploy:deploy") == "serving"
    assert named_package("stages.table") == "stages"
    assert not named_package("serving.nothing") and not named_package("a sentence. And one more")
