"""What the product says to people, collected from its source: messages, help texts, docstrings, pages and names."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("pipelines", "dags", "plugins", "tests/bench")
PAPERS = ("*.md", "docs/**/*.md", "mlflow/*.md", "data/*.md", "pipelines/**/*.md", "pipelines/**/*.html", "*.yaml")
HISTORY = {"CHANGELOG.md"}  # what a release was called then stays

# Words that only this project would use for the thing; beside each, what the field says.
OUT = {
    r"nouns?\b": "artifact",
    r"occasions?\b": "trigger, reason",
    r"incumbents?\b": "champion",
    r"harvest\w*": "collect feedback",
    r"doorkeepers?": "middleware",
    r"dissent\w*": "outlier rater",
    r"pardon\w*": "release",
    r"diar(y|ies)\b": "MLflow callback",
    r"twice is once|once is twice": "idempotent",
    r"of (one's|its|your|their) own\b(?= (template|data|row|server|file|dataset)s?)": "your own …",
    r"\bof yours\b": "your own",
    r"mend(s|ed|ing)?\b": "fix, correct",
    r"\bhold(s|ing)? (it|them|a|the|each|every) [\w ]{0,40}? to (its|a|the|what|their|limits)\b": "check … against",
    r"\bheld to\b": "checked against",
    r"\bevery nights?\b(?= it is)": "every run that …",
    r"\bcame? to answer\b|\blet\w* (\w+ )?answer\b": "deploy",
    r"\b(tokens?|requests?|answers?|seconds?|runs?|steps?|rows?|bytes|days?) an? "
    r"(second|minute|hour|day|month|answer|token|row|run)\b": "per",
    r"\bnats an? token\b": "nats per token",
    r"\brooms?\b(?! (for|left|temperature|service|\d)|[|)])": "package",
    r"\btake[ns]? (it |them )?back\b": "roll back",
    r"\blearnt\b": "trained on, learned",
    r"\bwhat is (told|asked|said)\b": "plain subject and verb",
}
# Names that say nothing about what they hold or do, and this project's former private words.
NAMES = frozenset(
    [
        "told",
        "tell",
        "tells",
        "asked",
        "said",
        "say",
        "says",
        "known",
        "found",
        "given",
        "made",
        "wanted",
        "noun",
        "nouns",
        "occasion",
        "harvest",
        "incumbent",
        "learnt",
        "opinion",
        "opinions",
        "lesson",
        "lessons",
        "dissenter",
        "pardoned",
        "journal",
        "diary",
        "seal",
        "doorkeeper",
        "wire",
        "landing",
        "spend",
        "affordable",
        "take_back",
        "anything_new",
        "good_enough",
        "prefer",
        "announce",
        "once",
        "whole",
        "room",
        "only_one",
        "sentence",
    ]
)


@dataclass(frozen=True)
class Text:
    place: str  # file:line
    text: str


def source_files() -> Iterator[Path]:
    for folder in CODE:
        yield from sorted((ROOT / folder).rglob("*.py"))


def constant_parts(node: ast.AST) -> str:
    """The literal text of a string or an f-string; what is filled in becomes a {}."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join("{}" if isinstance(part, ast.FormattedValue) else constant_parts(part) for part in node.values)
    return ""


def texts_of(file: Path) -> Iterator[Text]:
    """Every string of a Python file that is longer than a word: messages, help, descriptions and docstrings alike."""
    tree, short = ast.parse(file.read_text()), str(file.relative_to(ROOT))
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) not in inner and " " in (text := constant_parts(node)):
            yield Text(f"{short}:{node.lineno}", text)  # type: ignore[attr-defined]


def messages_with_repr(file: Path) -> Iterator[Text]:
    """Messages of errors in which a value is shown as Python spells it."""
    tree, short = ast.parse(file.read_text()), str(file.relative_to(ROOT))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name in {"WeaverError", "Unavailable", "ApiError", "HTTPException", "BadParameter"}:
            for node in ast.walk(call):
                if isinstance(node, ast.FormattedValue) and node.conversion == ord("r"):
                    yield Text(f"{short}:{node.lineno}", ast.unparse(call)[:120])


def names_of(file: Path) -> Iterator[Text]:
    """Every function, class, parameter and variable that a Python file defines."""
    short = str(file.relative_to(ROOT))
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield Text(f"{short}:{node.lineno}", node.name)
        elif isinstance(node, ast.arg):
            yield Text(f"{short}:{node.lineno}", node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Text(f"{short}:{node.lineno}", node.id)


def papers() -> Iterator[Text]:
    """The lines of every document and page that ships."""
    for pattern in PAPERS:
        for file in sorted(ROOT.glob(pattern)):
            if file.name not in HISTORY and not any(part.startswith(".") for part in file.relative_to(ROOT).parts):
                for number, line in enumerate(file.read_text().splitlines(), start=1):
                    yield Text(f"{file.relative_to(ROOT)}:{number}", line)


def out_words(text: str) -> list[str]:
    """The words in a text that are out, each with what to say instead."""
    return [
        f"“{match.group(0)}” (say: {instead})"
        for pattern, instead in OUT.items()
        for match in re.finditer(
            rf"(?i)(?<![\w-]){pattern}" if not pattern.startswith(r"\b") else rf"(?i){pattern}", text
        )
    ]
