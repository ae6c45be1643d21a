"""What the index gate said about the newest version of an index, and whether documents have changed since.

It imports no library: Airflow's triggerer and DAG processor ask here.
"""

from pathlib import Path

from pipelines.core.artifacts import IndexVerdict
from pipelines.core.files import digest
from pipelines.core.settings import settings
from pipelines.core.templates import Template

DAMAGED = "Delete it: the next reindexing writes it again."


def knowledge_folder(template: str) -> Path:
    """The folder of a template's knowledge: documents and index."""
    return settings().home / "knowledge" / template


def documents_folder(template: str) -> Path:
    """The folder of a template's documents: a record in JSON for each."""
    return knowledge_folder(template) / "documents"


def verdict_file(template: str) -> Path:
    """Where the newest verdict on an index of a template is kept."""
    return knowledge_folder(template) / "index_verdict.json"


def read_verdict(template: str) -> IndexVerdict | None:
    """The newest verdict on an index of a template; None before the first.

    Raises:
        WeaverError: its file is damaged.
    """
    file = verdict_file(template)
    return IndexVerdict.load(file, DAMAGED) if file.exists() else None


def has_documents(template: str) -> bool:
    """Whether a document was added to a template."""
    return next(documents_folder(template).glob("[!.]*.json"), None) is not None


def looks_things_up(template: Template) -> bool:
    """Whether a template has anything to look up."""
    return bool(template.knowledge.sources) or has_documents(template.name)


def digest_documents(template: str) -> str:
    """SHA-256 of which documents there are, and in which versions; empty without any."""
    files = sorted(documents_folder(template).glob("[!.]*.json"))
    return digest([[file.name, file.read_text(encoding="utf-8")] for file in files]) if files else ""


def find_new_documents(template: str) -> str:
    """The digest of a template's documents, if they have changed since an index was checked; else empty."""
    verdict, documents = read_verdict(template), digest_documents(template)
    return (documents or "none") if documents != (verdict.build.documents if verdict else "") else ""
