"""Every public class and function has a docstring; a method that a base class documents inherits it."""

import ast
from collections.abc import Iterator

import pytest

from pipelines.core.settings import REPOSITORY

FILES = [str(file.relative_to(REPOSITORY)) for file in sorted((REPOSITORY / "pipelines").rglob("*.py"))]


def undocumented(body: list[ast.stmt], prefix: str = "", inherits: bool = False) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if not inherits and not ast.get_docstring(node):
            yield f"{prefix}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{node.name}.", bool(node.bases))


@pytest.mark.parametrize("file", FILES)
def test_what_is_public_is_documented(file: str) -> None:
    assert list(undocumented(ast.parse((REPOSITORY / file).read_text()).body)) == []
