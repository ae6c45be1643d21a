"""What a run, a stage, a request and a second of the machine cost, and whether a training is within its budget.

stages ── measure_costs ─▶ database ─▶ table, MLflow, budgets, estimates, advice
gateway ─▶ request log, which has the cost of every request already
"""

from typing import Literal

Grouping = Literal["day", "stage", "model"]  # what a line of the table of costs is about
