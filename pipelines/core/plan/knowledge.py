"""The section on knowledge: what is looked up."""

from pydantic import Field

from pipelines.core.plan.section import Section


class Knowledge(Section):
    """What the template's knowledge base holds beside the documents that are added with `weaver knowledge add`."""

    sources: list[str] = Field(
        [], description="records of a kit that are looked up, such as automotive.code_guide; empty: documents alone"
    )
    passage_chars: int = Field(
        1000, ge=200, le=8000, description="longest passage of a document, characters; a change cuts all documents anew"
    )
