"""Holds no DAG: its import error in Airflow's UI names the templates that have none, and why.

An error in `retrain.py` would take the DAGs of all templates away.
"""

from airflow.sdk import DAG  # noqa: F401 - Airflow reads only files that speak of it

from pipelines.core.errors import WeaverError
from pipelines.core.template_check import find_broken_templates

if broken := find_broken_templates():
    raise WeaverError("\n".join(f"no DAG for {file}: {error.what}" for file, error in broken.items()), "Correct them.")
