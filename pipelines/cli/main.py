"""`weaver`: run the loop or one stage of it, and look after the local servers, models, data and feedback."""

import logging
import sys

import typer
from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

from pipelines.cli import (
    alerts,
    ask,
    chat,
    costs,
    dataset,
    drift,
    feedback,
    key,
    ledger,
    log,
    quarantine,
    registry,
    rollback,
    route,
    run,
    serve,
    stack,
    stage_verbs,
    template,
    tune,
)
from pipelines.cli.console import err
from pipelines.clients.mlflow import translate_mlflow_error
from pipelines.core.errors import WeaverError
from pipelines.core.settings import quiet_libraries

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(stack.app)
app.add_typer(serve.app)
app.add_typer(run.app)
app.add_typer(ask.app)
app.add_typer(chat.app)
app.add_typer(rollback.app)
app.add_typer(costs.app)
app.add_typer(stage_verbs.app)
app.add_typer(tune.app)
app.add_typer(drift.app)
app.add_typer(template.app, name="template", help="List, show, create and validate templates.")
dataset.app.add_typer(quarantine.app)
app.add_typer(dataset.app, name="dataset", help="Add your own rows, and look at the versions of a dataset.")
app.add_typer(registry.app, name="registry", help="Show what is registered, and which version is champion.")
app.add_typer(ledger.app, name="ledger", help="Show and verify which version was deployed when, by whom and why.")
app.add_typer(key.app, name="key", help="Create, list and revoke API keys of the gateway.")
app.add_typer(log.app, name="log", help="Show or export the request log.")
app.add_typer(
    feedback.app, name="feedback", help="Show the feedback on answers, and what the next training uses of it."
)
app.add_typer(route.app, name="route", help="Where a template's requests go, and why.")
app.add_typer(alerts.app, name="alerts", help="List, acknowledge, raise and send alerts; send the digest.")


def main() -> None:
    """Run a verb of `weaver`."""
    run_app(app)


def run_app(app: typer.Typer) -> None:
    """Run a command line; an error that the user can correct ends as one message and exit code 1, never a traceback."""
    quiet_libraries()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpx2", "filelock", "great_expectations", "alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    set_on_retry_hooks([LoggingOnRetryHook])  # on stderr: by default structlog, which Airflow brings, tells stdout
    try:
        with translate_mlflow_error("this command was running"):
            app()
    except WeaverError as error:
        err.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
