"""The note of a run, which Airflow shows beside it: why it was started, why it stopped."""

import httpx
from airflow.sdk import get_current_context

from pipelines.settings import settings

AUTHOR = "mlflow"  # the Airflow user of tasks and triggers


def note(text: str) -> None:
    """Set this run's note; where Airflow does not take it, the task's log has it all the same."""
    print(text)
    run, here = get_current_context()["dag_run"], settings()
    try:
        with httpx.Client(base_url=here.airflow_url, timeout=30, trust_env=False) as airflow:
            login = {"username": AUTHOR, "password": here.secret(f"airflow_{AUTHOR}")}
            token = airflow.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            airflow.headers["Authorization"] = f"Bearer {token}"
            airflow.patch(
                f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}", json={"note": text[:1000]}
            ).raise_for_status()
    except (httpx.HTTPError, OSError) as error:  # its password is a file, which an Airflow of one's own does not have
        print(f"the run has no note: {error}")
