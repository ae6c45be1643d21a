"""Triggers and notifiers that DAGs use; Airflow imports them in its scheduler and triggerer."""
