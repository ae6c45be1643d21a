"""`weaver template`: list, show, create and validate templates."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, err, out, overrides, print_json
from pipelines.core.make_plan import make_plan, merge_plan
from pipelines.core.template_check import find_broken_templates
from pipelines.core.template_edit import create_template
from pipelines.core.templates import find_duplicates, find_template_files, load_template, read_template, template_schema
from pipelines.text.terminal import styled

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every template of every kit, and your own."""
    broken = find_broken_templates()
    templates = [load_template(name) for name, file in find_template_files().items() if file not in broken]
    if as_json:
        print_json([{"name": t.name, "title": t.title, "purpose": t.purpose} for t in templates])
        return
    for file, error in broken.items():
        err.print(styled(("✗", "red"), f" {file} cannot be used: {error}"), soft_wrap=True)
    table = Table("template", "for", box=None)
    for template in templates:
        table.add_row(template.name, template.purpose)
    out.print(table)


@app.command()
def show(template: Template, set_: Overrides = None, as_json: AsJson = False) -> None:
    """Show the plan of a run of this template: defaults, profile, template and --set, merged."""
    plan = make_plan(template, overrides(set_))
    if as_json:
        print_json(plan.model_dump(mode="json"))
        return
    table = Table("setting", "value", box=None)
    for key, value in plan.flat().items():
        table.add_row(key, str(value))
    out.print(table)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the new template, its model and its DAG.")],
    like: Annotated[str, typer.Option(help="The template to copy.")] = "service_advisor",
) -> None:
    """Create your own template from another one; Airflow shows its DAG within a minute."""
    file = create_template(name, like)
    out.print(f"{file}\nEdit it, then: weaver template validate {name}", soft_wrap=True)


@app.command()
def validate(
    template: Annotated[str, typer.Argument(help="Name of a template, or path of a YAML file.")],
    as_json: AsJson = False,
) -> None:
    """Check a template against the schema, merge its plan, and check that its data exists."""
    from pipelines.datasets.collect import locate_source

    file = Path(template) if template.endswith((".yaml", ".yml")) else None
    for duplicate, error in find_duplicates().items():
        if template in (duplicate.stem, str(duplicate)):
            raise error
    read = read_template(file) if file else load_template(template)
    plan = merge_plan(read, file or find_template_files()[template], {})
    locate_source(plan.data.source)
    if as_json:
        print_json({"name": read.name, "valid": True, "plan_digest": plan.digest()})
    else:
        out.print(styled(("✓", "green"), f" {read.name}: {read.title}"))


@app.command("schema")
def schema_() -> None:
    """Print the JSON Schema of a template's YAML, for editors and other programs."""
    print_json(template_schema())
