"""The section on knowledge: the records that a question is answered from, and the answer where there is none."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pipelines.core.plan.section import Section
from pipelines.core.schedule import check_cron


class Knowledge(Section):
    """What the template's knowledge base holds beside the documents that are added with `weaver knowledge add`."""

    sources: list[str] = Field(
        [], description="records of a kit that are looked up, such as automotive.code_guide; empty: documents alone"
    )
    passage_chars: int = Field(
        1000, ge=200, le=8000, description="longest passage of a document, characters; a change cuts all documents anew"
    )
    reindex: Annotated[str, AfterValidator(check_cron)] = Field(
        "30 3 * * 0",
        description="cron expression of when the index is built anew and checked, in schedule.timezone; new documents "
        "and a new dataset version start it too",
    )
    decline_sentence: str = Field(
        "That is not in the record.",
        min_length=1,
        description="the answer where no record has what was asked; the dataset teaches the same words",
    )
    decline_help: str = Field(
        "A VIN, a trouble code, or a vehicle's year, make and model would help.",
        description="what is added where no record was found at all",
    )
