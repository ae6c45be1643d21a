"""A template of its own for each test: documents, and of the kit's records the trouble codes."""

from pathlib import Path

import pytest
import yaml

from pipelines.core.templates import find_template_files

T = "shop_manuals"


@pytest.fixture
def template(home: Path) -> str:
    """A template without records of the kit."""
    return write_template(home, [])


def write_template(home: Path, sources: list[str], **sections: dict[str, object]) -> str:
    """A template like the Service Advisor, with other sections."""
    text = yaml.safe_load(find_template_files()["service_advisor"].read_text())
    text |= {"name": T, "knowledge": {"sources": sources} | sections.pop("knowledge", {})} | sections
    (home / "templates").mkdir(exist_ok=True)
    (home / "templates" / f"{T}.yaml").write_text(yaml.safe_dump(text))
    return T
