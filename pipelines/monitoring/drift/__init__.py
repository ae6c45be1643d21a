"""Drift: whether requests, answers and new rows differ from what the champion was trained for."""
