"""Alerts about templates that cannot be used: their DAGs are gone, and nothing of them runs at night."""

from pipelines.alerts import alert
from pipelines.core.template_check import find_broken_templates


def alert_broken_templates() -> int:
    """Raise an alert for each template that cannot be used. Returns how many there are."""
    broken = find_broken_templates()
    for file, error in broken.items():
        text = f"the template {file.stem} cannot be used, and has no DAG: {error}"
        alert(text, key=f"{file.stem}.template", template=file.stem)
    return len(broken)
