"""The stages of the loop as one table, and how a stage is run: DAGs, `dvc.yaml` and the command line follow it."""
