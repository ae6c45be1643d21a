"""The environment that a model was made in: its packages as a CycloneDX SBOM, and their licences as a table."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY

CLASSIFIER = "License :: OSI Approved"
COPYLEFT = r"\bA?GPL|(?<!Lesser )General Public License|Affero"
WEAK = r"\b(LGPL|MPL|EPL)|Lesser General|Mozilla Public|Eclipse Public"


def write_sbom(file: Path) -> dict[str, Any]:
    """Write and return the SBOM of this interpreter's environment: CycloneDX 1.6 JSON, the same bytes each time.

    The tool's own validation, which takes twenty times as long, is left to our tests.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "environment", sys.executable, "--output-reproducible"]
    command += ["--no-validate", "--pyproject", str(REPOSITORY / "pyproject.toml"), "--output-file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise WeaverError(f"the SBOM could not be made: {done.stderr.strip()[-500:]}", "Run `make install` again.")
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def list_licences(sbom: dict[str, Any]) -> list[dict[str, str]]:
    """package, version, licence and flag (missing, copyleft, weak copyleft or none) of each package, as it says."""
    table = []
    for component in sorted(sbom["components"], key=lambda component: component["name"].lower()):
        named = [entry.get("expression") or licence_name(entry["license"]) for entry in component.get("licenses", [])]
        licence = "; ".join(sorted({name.removeprefix(f"{CLASSIFIER} :: ") for name in named} - {CLASSIFIER}))
        table.append(
            {
                "package": component["name"],
                "version": component["version"],
                "licence": licence,
                "flag": flag_licence(licence),
            }
        )
    return table


def licence_name(licence: dict[str, Any]) -> str:
    """Return the name of a licence of CycloneDX."""
    return str(licence.get("id") or licence.get("name") or "")


def flag_licence(licence: str) -> str:
    """What a lawyer looks at first; one may choose the free half of `MIT OR GPL-2.0-only`."""
    if not licence:
        return "missing"
    choices = licence.split(" OR ") if not re.search(r" AND |;", licence) else [licence]
    strength = min(2 if re.search(COPYLEFT, one) else 1 if re.search(WEAK, one) else 0 for one in choices)
    return ("", "weak copyleft", "copyleft")[strength]


def to_csv(table: list[dict[str, str]]) -> str:
    """Return rows of equal keys as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()
