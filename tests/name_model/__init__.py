"""Makes `name_model.json`: `python -m tests.name_model.train`."""
