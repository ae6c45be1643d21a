"""Makes `name_model.json`: `python -m pipelines.text.privacy.training.train`."""
