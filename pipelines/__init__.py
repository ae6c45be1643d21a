"""NeuroWeaver: the rooms of the retraining loop. Nothing in here knows Airflow."""
