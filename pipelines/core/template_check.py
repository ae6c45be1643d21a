"""Which templates cannot be used, and why: nothing is built of them, and everything is built of the others."""

from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.core.templates import find_duplicates, find_template_files


def find_broken_templates() -> dict[Path, WeaverError]:
    """The template files of which no plan can be made, or no DAG could be built, each with the reason."""
    broken = find_duplicates()
    for name, file in find_template_files().items():
        try:
            make_plan(name)
            if reasons := [path.read_text() for path in dag_error_file(name, "*").parent.glob(f"{name}.*")]:
                broken[file] = WeaverError(reasons[0], "Correct the template, or report the error.")
        except WeaverError as error:
            broken[file] = error
    return broken


def dag_error_file(template: str, kind: str) -> Path:
    """Where the DAG processor notes why it could not build a DAG of a valid template."""
    return settings().home / "dag_errors" / f"{template}.{kind}"


def write_dag_error(template: str, kind: str, error: Exception) -> None:
    """Note that no DAG of this kind could be built of a valid template."""
    write_text(dag_error_file(template, kind), f"its DAG {kind}_{template} cannot be built: {error}")


def clear_dag_error(template: str, kind: str) -> None:
    """Note that the DAG was built."""
    dag_error_file(template, kind).unlink(missing_ok=True)
