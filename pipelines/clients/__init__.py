"""One client for each server that the loop talks to: Airflow, MLflow, S3, supervisord and the inference backends."""
