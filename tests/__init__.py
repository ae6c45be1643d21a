"""The tests mirror the packages; `tests.bench` measures the figures of the documentation."""
