"""`weaver template`: what there is to choose from."""

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.templates import load_template, make_plan, template_files

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every template of every kit."""
    templates = [load_template(name) for name in template_files()]
    if as_json:
        print_json([{"name": t.name, "title": t.title, "purpose": t.purpose} for t in templates])
        return
    table = Table("template", "for", box=None)
    for template in templates:
        table.add_row(template.name, template.purpose)
    out.print(table)


@app.command()
def show(template: Template, set_: Overrides = None, as_json: AsJson = False) -> None:
    """The plan a run of this template would follow: defaults, profile, template and --set, merged."""
    plan = make_plan(template, overrides(set_))
    if as_json:
        print_json(plan.model_dump(mode="json"))
        return
    table = Table("setting", "value", box=None)
    for key, value in plan.flat().items():
        table.add_row(key, str(value))
    out.print(table)
