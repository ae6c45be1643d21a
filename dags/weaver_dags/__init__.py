"""Helpers of the DAG files: the tasks that run a stage, ask a person, or decide what happens next."""
