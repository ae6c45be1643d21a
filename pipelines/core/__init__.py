"""What every package speaks: artifacts, the plan, templates, settings, errors and files. Imports nothing above it."""
