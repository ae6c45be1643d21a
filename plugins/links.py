"""MLflow in Airflow's menu."""

from airflow.plugins_manager import AirflowPlugin

from pipelines.core.settings import settings


class LinksPlugin(AirflowPlugin):
    """The menu entry MLflow."""

    name = "neuroweaver_links"
    external_views = [{"name": "MLflow", "href": settings().mlflow_url, "destination": "nav", "nav_top_level": True}]
