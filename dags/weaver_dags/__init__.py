"""Helpers of the DAG files: the tasks that run a stage, ask a person, or decide what happens next."""

import warnings

# Airflow's own sensor imports a name that Airflow has deprecated: a warning in the log of every task.
warnings.filterwarnings("ignore", message="The `airflow.utils.operator_helpers.determine_kwargs` attribute")
