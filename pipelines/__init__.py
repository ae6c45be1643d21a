"""NeuroWeaver: the packages of the retraining loop. None of them imports Airflow."""
