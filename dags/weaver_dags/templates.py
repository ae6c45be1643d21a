"""The DAGs of all templates: a template whose DAG cannot be built takes that DAG away, and no other."""

import logging
from collections.abc import Callable

from airflow.sdk import DAG

from pipelines.core.errors import WeaverError
from pipelines.core.template_check import clear_dag_error, write_dag_error
from pipelines.core.templates import Template, find_template_files, load_template

log = logging.getLogger(__name__)


def build_dags(build: Callable[[Template], DAG], applies: Callable[[Template], bool] | None = None) -> dict[str, DAG]:
    """DAG id → DAG, of every template of which it can be built; `broken_templates.py` reports the others.

    Airflow finds the DAGs in a file's global variables, and marks all DAGs of a file as broken if one of them is not
    valid: so they are checked here. They are built with `auto_register=False`; else half-built ones were found as well.
    """
    dags = {}
    for name in find_template_files():
        try:
            template = load_template(name)
            if applies and not applies(template):
                clear_dag_error(name, build.__name__)
                continue
            dag = build(template)
            dag.validate()
            dag.check_cycle()
        except WeaverError as error:  # found again by whoever asks for the broken templates
            log.error("no DAG for the template %s: %s", name, error)
        except Exception as error:
            log.exception("no DAG for the template %s", name)
            write_dag_error(name, build.__name__, error)
        else:
            clear_dag_error(name, build.__name__)
            dags[dag.dag_id] = dag
    return dags
