"""`weaver`: run the loop or one stage of it, and look after the local servers, models, data and feedback."""

import errno
import io
import logging
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NoReturn

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
    knowledge,
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
from pipelines.core.files import write_text
from pipelines.core.settings import quiet_libraries, settings
from pipelines.text.terminal import styled

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
app.add_typer(knowledge.app, name="knowledge", help="What a template looks up: add documents, search them.")
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
    """Run a command line; an error ends as one message and exit code 1, never as a traceback.

    The traceback of an error that nobody foresaw is written to a file, which the message names.
    """
    quiet_libraries()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 cannot show everything
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpx2", "filelock", "great_expectations", "alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    set_on_retry_hooks([LoggingOnRetryHook])  # on stderr: by default structlog, which Airflow brings, tells stdout
    try:
        with translate_mlflow_error("this command was running"):
            app()
    except WeaverError as error:
        end_with_error(error)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        end_with_error(describe_os_error(error))
    except Exception as error:
        end_with_error(report_unexpected(error))


def end_with_error(error: WeaverError) -> NoReturn:
    """Print an error, and exit with code 1."""
    err.print(styled(("error:", "bold red"), f" {error}"), soft_wrap=True)
    sys.exit(1)


def describe_os_error(error: OSError) -> WeaverError:
    """What the system refused, as a sentence; an error without a file's name is an unexpected one."""
    if error.filename is None:
        return report_unexpected(error)
    remedies = {
        errno.ENOSPC: "Free disk space, and run the command again.",
        errno.ENOENT: "Correct the path; or, if it lies in WEAVER_HOME, start the servers once with `weaver up`.",
    }
    remedy = remedies.get(error.errno or 0, "Give this user the right to it, or choose another path.")
    return WeaverError(f"{error.filename}: {error.strerror}", remedy)


def report_unexpected(error: Exception) -> WeaverError:
    """An error of the program itself: its traceback goes to a file, in WEAVER_HOME if that can be written."""
    trace = "".join(traceback.format_exception(error))
    for folder in (settings().home / "logs", Path(tempfile.gettempdir())):
        file = folder / "weaver-error.log"
        try:
            write_text(file, trace)
        except OSError:
            continue
        return WeaverError(
            f"`weaver` failed unexpectedly: {type(error).__name__}: {error}",
            f"The traceback is in {file}. `weaver doctor` checks this machine.",
        )
    return WeaverError(f"`weaver` failed unexpectedly, and could not write why:\n{trace}")


if __name__ == "__main__":
    main()
