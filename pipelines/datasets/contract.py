"""The stage that validates a dataset against its contract: a Great Expectations suite built from the plan."""

import json
import logging
import re
import reprlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.core import progress
from pipelines.core.artifacts import Records, Validation
from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import digest, memoize_dir, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import Contract, TrainingPlan
from pipelines.core.settings import quiet_libraries
from pipelines.datasets.arrow_frame import COLUMNS, TEXT_COLUMNS, VALID, read_frame
from pipelines.datasets.row_places import RowPlaces
from pipelines.datasets.upload import list_uploads
from pipelines.text.counts import format_count

if TYPE_CHECKING:
    import pandas as pd

CODE = SourceCode(__name__)
log = logging.getLogger(__name__)

MAY_BE_BLANK = ("input", "key")
KINDS = ["grounded", "knowledge", "refusal"]
# A character that is not blank: Arrow's \s matches ASCII spaces only.
NOT_BLANK = "[^\\s\\x0b\\x1c-\\x1f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
JSON_STRING = r'"(?:[^"\\]|\\.)*"'  # in JSON; GX's JSON Schema expectation takes milliseconds per row
EXAMPLES = 3  # rows that an error names per failed expectation


class Rule(NamedTuple):
    """One expectation of the contract."""

    expectation: Any  # its `description` is its name in the Data Docs and in errors
    describe: Callable[[Any], str] | None = None  # ends the sentence "<column> is …" of a bad value; None: of the table


def validate(records: Records, plan: TrainingPlan, work: Path) -> Validation:
    """Validate the rows against `plan.contract`.

    Returns:
        A folder with suite.json, result.json and the Data Docs (docs/index.html). The result of an earlier validation
        of the same rows and contract is reused without importing Great Expectations, which takes seconds.

    Raises:
        WeaverError: names every expectation that failed, with example rows, and the path of the Data Docs.
    """
    fingerprint = digest([records.digest, plan.digest("contract"), CODE.digest])[:12]
    failed = work / "validate" / f"{fingerprint}-failed"

    def build(folder: Path) -> None:
        progress.report_progress(plan.template, "validate", 0, 1, format_count(records.rows, "row"))
        if failures := run_suite(Path(records.uri) / "records.jsonl", plan, folder):
            shutil.rmtree(failed, ignore_errors=True)
            folder.rename(failed)
            raise WeaverError(
                f"{name_sources(plan)} breaks the contract of {plan.template} ({format_count(records.rows, 'row')}):\n"
                + "\n".join(f"  - {failure}" for failure in failures),
                f"Correct these rows, or the contract. All checks are on this page: {failed / 'docs' / 'index.html'}",
            )
        progress.report_progress(plan.template, "validate", 1, 1)

    folder = memoize_dir(work / "validate" / fingerprint, build)
    expectations = json.loads((folder / "suite.json").read_text())["expectations"]
    return Validation(uri=str(folder), records=records, expectations=len(expectations))


def name_sources(plan: TrainingPlan) -> str:
    """The data source, and the uploads that were added to it; which of them a fault is in, its line says."""
    return " with ".join([plan.data.source, *(upload.file for upload in list_uploads(plan.template))])


def build_rules(contract: Contract) -> list[Rule]:
    """The expectations of a contract, from the columns of the table to the meaning of the rows."""
    import great_expectations.expectations as gxe

    rules: list[Rule] = []

    def expect(
        expectation: Any, description: str, describe: Callable[[Any], str] | None = None, **options: Any
    ) -> None:
        rules.append(Rule(expectation(description=description, **options), describe))

    def one_of(column: str, allowed: list[str]) -> None:
        expect(
            gxe.ExpectColumnValuesToBeInSet,
            f"{column} is one of {', '.join(allowed)}",
            lambda v: f"{reprlib.repr(v)}{did_you_mean(str(v), allowed)}",
            column=column,
            value_set=allowed,
        )

    for c in COLUMNS:
        expect(gxe.ExpectColumnToExist, f"there is a column {c}", column=c)
        expect(gxe.ExpectColumnValuesToNotBeNull, f"no {c} is missing", lambda _: "missing", column=c)
    for c in TEXT_COLUMNS:
        expect(
            gxe.ExpectColumnValuesToBeOfType,
            f"{c} is text",
            lambda v: f"{type(v).__name__} {reprlib.repr(v)}, expected text",
            column=c,
            type_="str",
        )
    for c in [c for c in TEXT_COLUMNS if c not in MAY_BE_BLANK]:
        expect(gxe.ExpectColumnValuesToMatchRegex, f"no {c} is blank", lambda _: "blank", column=c, regex=NOT_BLANK)
    for c in ("instruction", "input", "output"):
        most = getattr(contract, f"max_{c}_chars")
        expect(
            gxe.ExpectColumnValueLengthsToBeBetween,
            f"{c} is at most {most} characters long",
            lambda v: f"{len(v)} characters long: {reprlib.repr(v)}",
            column=c,
            max_value=most,
        )
    one_of("kind", KINDS)
    if contract.topics:
        one_of("topic", contract.topics)
    expect(
        gxe.ExpectColumnValuesToMatchRegex,
        "facts map names to texts",
        lambda v: f'{reprlib.repr(v)}, expected for example {{"highway": "38 mpg"}}',
        column="facts",
        regex=rf"^\{{(?:{JSON_STRING}:{JSON_STRING},?)*\}}$",
    )
    expect(
        gxe.ExpectColumnValuesToBeInSet,
        "importance marks facts as optional or safety_critical",
        lambda v: f"wrong: {v}",
        column="importance",
        value_set=[VALID],
    )
    expect(gxe.ExpectColumnValuesToBeInSet, "a question has one answer", str, column="answer", value_set=["one"])
    # A duplicate row is only a warning, shown in the Data Docs: refine drops it, and an answer in other words too.
    expect(
        gxe.ExpectColumnValuesToBeInSet,
        "a question is asked once",
        str,
        column="question",
        value_set=["once"],
        severity="warning",
    )
    rows, topics = contract.min_rows, contract.min_topics
    expect(gxe.ExpectTableRowCountToBeBetween, f"the dataset has at least {format_count(rows, 'row')}", min_value=rows)
    expect(
        gxe.ExpectColumnUniqueValueCountToBeBetween,
        f"there are at least {topics} different topics",
        column="topic",
        min_value=topics,
    )
    return rules


def run_suite(rows: Path, plan: TrainingPlan, folder: Path) -> list[str]:
    """Run the suite; write suite.json, result.json and the Data Docs to `folder`.

    Returns:
        A line for each failed expectation.
    """
    quiet_libraries()
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str((folder / "docs").absolute()),
        },
    }
    context = gx.get_context(
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            data_docs_sites={"docs": site},
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
    )
    rules = build_rules(plan.contract)
    suite = context.suites.add(gx.ExpectationSuite("contract", [rule.expectation for rule in rules]))
    batch = context.data_sources.add_pandas("dataset").add_dataframe_asset("rows").add_batch_definition("all")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="contract", data=batch, suite=suite))
    checkpoint = gx.Checkpoint(
        name="contract",
        validation_definitions=[definition],
        actions=[gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=["docs"])],
        result_format="SUMMARY",
    )
    frame = read_frame(rows)
    with pd.option_context("future.infer_string", True):  # so that GX's `astype(str)` of a column stays in Arrow
        run = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
    (outcome,) = run.run_results.values()
    write_text(folder / "suite.json", json.dumps(suite.to_json_dict(), indent=1))
    write_text(folder / "result.json", json.dumps(outcome.to_json_dict(), indent=1))
    results: list[Any] = outcome.results
    met = sum(result.success for result in results)
    log.info("%s, %d of %d expectations met", format_count(len(frame), "row"), met, len(rules))
    places = RowPlaces(plan.template, frame.get("source", ()))
    by_rule = {result.expectation_config.description: result for result in results}
    return describe_failures(frame, rules, by_rule, places)


def describe_value(rule: Rule, frame: "pd.DataFrame", number: int, places: RowPlaces) -> str:
    """What is wrong with a row's value; where it names other rows, their places in an upload."""
    column = rule.expectation.column
    words = rule.describe(frame.at[number, column]) if rule.describe else ""
    if column != "answer":
        return words
    rows = [int(row) - 1 for row in re.findall(r"\d+", words)]
    uploaded = any(places.find_upload(row)[0] for row in rows)
    return f"given differently in {' and '.join(map(places.name_row, rows))}" if uploaded else words


def describe_failures(
    frame: "pd.DataFrame", rules: list[Rule], results: dict[str, Any], places: RowPlaces
) -> list[str]:
    """A line for each failed expectation, in the order of the rules; warnings are shown in the Data Docs only."""
    lines: list[str] = []
    reported_columns: set[str | None] = set()
    for rule in rules:
        outcome = results[rule.expectation.description]
        column = getattr(rule.expectation, "column", None)
        if outcome.success or rule.expectation.severity == "warning":
            continue
        if rule.describe and column and "unexpected_count" in outcome.result:
            shown = outcome.result["partial_unexpected_index_list"][:EXAMPLES]
            what = "; ".join(
                f"{places.name_row(i)}: {places.name_column(i, column)} is {describe_value(rule, frame, i, places)}"
                for i in shown
            )
            more = outcome.result["unexpected_count"] - len(shown)
            what += f"; and {more} more" if more else ""
        elif "observed_value" in outcome.result:
            what = f"found {outcome.result['observed_value']}"
        elif column in reported_columns:  # a missing column or a wrong type is reported once
            continue
        elif column not in frame:
            what = f"the rows have {', '.join(frame.attrs['keys'])}"
        else:
            what = f"could not be checked: {outcome.exception_info}"
        lines.append(f"{rule.expectation.description}: {what}")
        reported_columns.add(column)
    return lines
